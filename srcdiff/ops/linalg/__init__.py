"""Operations of linear algebra: products, factorisations, systems of equations.

In: the callables of `numpy.linalg` and `scipy.linalg`; out: their declarations in the registry.
Start with `products`, then `solve` and `factorisations`.
"""
