"""Outer-loop vectorisation: strips of outer iterations run together as vectors.

In: a loop nest; out: one whose inner loop runs over a strip.
Start with `outer_loop`; `cost` decides.
"""
