"""Analyses that passes share: def-use, effects, activity, layouts, costs.

In: a function; out: facts about its values. No analysis changes the function.
Start with `defuse` and `placement`.
"""
