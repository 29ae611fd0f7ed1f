"""Where a program's text comes from, what its syntax tree says by itself, and what the program depends on outside.

In: a function; out: its syntax tree with places, liveness of names, argument types, guards of external state.
Start with `function_source`, then `flow_analysis`.
"""
