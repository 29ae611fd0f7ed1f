"""Sparse Jacobians and Hessians. The package is imported on demand, because it needs scipy.sparse.

In: a derivative and arguments; out: sparsity patterns, colours of columns that are evaluated together, and the values.
Start with `derivatives`, then `patterns`.
"""
