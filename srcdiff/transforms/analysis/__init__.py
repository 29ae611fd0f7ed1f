"""Analyses that passes share: def-use, effects, activity, layouts, costs.

In: a function; out: dicts by value, nothing is changed.
Start with `defuse` and `placement`.
"""
