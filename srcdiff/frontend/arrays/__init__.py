"""How array syntax and array functions are read: subscripts, stores, `out=`, products, the application of an operation.

In: subscript nodes, and library functions with their arguments; out: operations on arrays.
Start with `subscripts`, `stores` and `apply_op`.
"""
