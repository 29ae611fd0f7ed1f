"""Calls between generated functions: inlining, and removal of arguments and results that are not needed.

In and out: a function and its helpers, with the same meaning.
Start with `inline`.
"""
