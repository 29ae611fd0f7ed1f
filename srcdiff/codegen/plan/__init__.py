"""From IR to a tree of statements: out of SSA, with idioms of Python.

In: a function; out: a `plan`, whose nodes are statements and expressions.
Start with `plan` and `lower`.
"""
