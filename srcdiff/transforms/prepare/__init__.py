"""What is brought in order before differentiation: loads, copies, views.

In: a function as it was read; out: one whose contents of arrays are values.
Start with `insert_loads`.
"""
