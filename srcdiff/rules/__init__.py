"""Derivative rules: the user's own, and those of solvers, equations and integrals.

In: a rule as Python; out: a declaration as those under `ops`.
Start with `custom`.
"""
