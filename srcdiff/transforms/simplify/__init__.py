"""Scalar optimisations: CSE, dead code, invariant code motion; `folding` folds constants, `calls` inlines.

In and out: a function with the same meaning and fewer operations.
Start with `dce` and `cse`.
"""
