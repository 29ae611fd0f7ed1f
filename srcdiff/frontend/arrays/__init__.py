"""How array syntax and array functions are read: subscripts, stores, `out=`, products.

In: syntax nodes and library calls; out: operations on arrays.
Start with `subscripts` and `stores`.
"""
