"""Control flow: blocks of statements, branches, loops, exceptions, `with`.

In: `if`, `for`, `while`, `try`, `with`; out: `If`, `For` and `While` with loop-carried values.
Start with `blocks`, then `loops` and `loop_carries`.
"""
