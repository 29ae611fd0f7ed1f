"""Preparation for differentiation: loads, copies and views become explicit.

In: a function as it was read; out: a function in which contents of arrays are values.
Start with `insert_loads`.
"""
