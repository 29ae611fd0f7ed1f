"""Operations that rearrange the elements of arrays: views, joined and repeated arrays, diagonals.

In: the callables of NumPy; out: their declarations in the registry. The adjoint of a view is the inverse view.
Start with `reshapes`.
"""
