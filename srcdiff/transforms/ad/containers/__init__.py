"""Adjoints of lists, tuples and structures.

In: containers of the primal; out: containers of adjoints.
Start with `list_items`.
"""
