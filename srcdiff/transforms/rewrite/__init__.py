"""Rewriting of expressions by rules that keep them accurate.

In: an expression; out: an equal one that does not overflow or cancel.
Start with `patterns`, then the table in `stability_rules`.
"""
