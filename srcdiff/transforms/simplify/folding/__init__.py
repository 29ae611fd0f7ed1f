"""Constant folding: operations on constants, operations that change nothing, and writes into storage that is zero.

In and out: a function with the same meaning, whose trivial operations are gone.
Start with `fold`; `identities` is the table of identities.
"""
