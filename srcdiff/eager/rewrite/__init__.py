"""Rewriting of dynamic programs: a function's tree is changed so that a tape runs its operations.

In: a function; out: a function that calls the tape for its operations.
Start with `rewrite_statements`.
"""
