"""Sparse Jacobians and Hessians. Imported when it is asked for: it needs scipy.sparse.

In: a derivative and arguments; out: patterns, colours of what is evaluated together, and the values.
Start with `derivatives`, then `patterns`.
"""
