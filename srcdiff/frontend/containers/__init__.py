"""Lists, tuples, dicts and 0-d arrays: their values, their identity, and what shares their storage.

In: container displays, items, `len`; out: containers of known parts, or lists of the IR.
Start with `lists`; `zero_dim_arrays` has arrays without axes.
"""
