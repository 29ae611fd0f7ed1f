"""The frontend: a Python function and the types of its arguments become IR.

In: a function and types; out: an `ir.core.Function` with the user's names and lines.
Start with `trace`, which assembles the tracer, then `core/frame`; `rule_parser` reads derivative rules in the same way.
"""
