"""Sparse Jacobians and Hessians: their patterns, colours of what is evaluated together, and how the values are taken.

Imported when it is asked for: it needs scipy.sparse.
"""
