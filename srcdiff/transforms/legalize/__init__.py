"""What a target does not take, said in another way.

In: the loop form; out: one that Numba compiles with the same results as NumPy.
Start with `numba_legality`.
"""
