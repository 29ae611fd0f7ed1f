"""Legalisation: operations that a target does not have become operations that it has.

In: the loop form; out: one that Numba compiles with the same results as NumPy.
Start with `numba_legality`.
"""
