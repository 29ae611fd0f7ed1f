"""The text form of the IR.

In: a `Function`, or text; out: the other one.
Start with `printer`; `parser` reads back what it prints.
"""
