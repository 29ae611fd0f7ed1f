"""The passes: IR to IR.

In: a function from the frontend; out: its derivative, simplified, with storage decided.
Start with `pipeline`, which lists the passes in order; `passes` runs them.
"""
