"""The tape: which residuals are stored, where they are stored, and which are computed again.

In: a function with `save` and `restore`; out: one with arrays, lists and recomputation.
Start with `decide` (the minimum cut), then `plan`.
"""
