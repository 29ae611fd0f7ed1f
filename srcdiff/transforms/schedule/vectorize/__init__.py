"""Outer-loop vectorisation: strips of iterations as vectors.

In: a loop nest; out: one whose inner loop runs over a strip.
Start with `outer_loop`; `cost` decides.
"""
