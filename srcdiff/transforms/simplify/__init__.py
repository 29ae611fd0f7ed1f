"""Scalar optimisations: CSE, dead code, folding, invariant code motion; `calls` has inlining.

In and out: a function with the same meaning and fewer operations.
Start with `dce` and `cse`.
"""
