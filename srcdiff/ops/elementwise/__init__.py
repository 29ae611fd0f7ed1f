"""Operations that act on each element.

In: the callables of NumPy, SciPy and `math`; out: their declarations in the registry.
Start with `elementary`, whose declarations are one to four lines each.
"""
