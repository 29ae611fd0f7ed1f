"""From the plan to Python text.

In: a plan with names; out: lines that are wrapped as a person would wrap them.
Start with `statements` and `printer`.
"""
