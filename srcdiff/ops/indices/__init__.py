"""Operations whose results are places in arrays: of a mask, of a triangle, of a sorting order.

In: the callables of NumPy; out: their declarations in the registry. The results are integers without a derivative.
Start with `masks`.
"""
