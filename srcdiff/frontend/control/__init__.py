"""Control flow: branches, loops, exceptions, what crosses their borders.

In: `if`, `for`, `while`, `try`, `with`; out: `If`, `For` and `While` with carried values.
Start with `loops` and `phi`.
"""
