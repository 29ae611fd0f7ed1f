"""Store or recompute: what the backward part gets from where.

In: a function with `save` and `restore`; out: one with arrays, lists and recomputation.
Start with `decide` (the minimum cut), then `plan`.
"""
