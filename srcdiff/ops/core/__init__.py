"""The registry of operations, and helpers that all declarations of operations share.

In: a declaration (callables, type rule, derivative, samples); out: an `OpDecl` in the registry.
Start with `registry`; `type_rules` and `samples` have the common cases.
"""
