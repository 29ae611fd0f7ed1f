"""Reverse mode, statement by statement.

In: a prepared function; out: its primal and adjoint, joined by `save` and `restore`.
Start with `reverse`; its state is in the package `adjoints`.
"""
