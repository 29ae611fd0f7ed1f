"""Where a program's text comes from, and what it depends on outside.

In: a function; out: its syntax tree with lines, argument types, guards of external state.
Start with `function_source`.
"""
