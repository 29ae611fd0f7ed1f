"""Functions of linear algebra, written as Python over other operations.

In: callables of `numpy.linalg` and `scipy.linalg`; out: composites.
Start with `numpy_linalg`.
"""
