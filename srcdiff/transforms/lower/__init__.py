"""Lowering of array operations to loops over elements: the loop form.

In: array operations; out: loop nests with checked bounds.
Start with `scalarise` and `loop_nests`.
"""
