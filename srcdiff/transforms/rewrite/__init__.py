"""Numerical rewriting: rules replace expressions by equal, more accurate ones.

In: an expression; out: an equal one that does not overflow or cancel.
Start with `patterns`, then the table in `stability_rules`.
"""
