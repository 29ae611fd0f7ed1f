"""How a function is read that another one calls: in the place of the call, or as a function of its own.

In: a Python function or closure with its arguments; out: inlined statements, or a `Call` for these argument types.
Start with `inline`, then `outlined`; `recursion` has functions that call themselves.
"""
