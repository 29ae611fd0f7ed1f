"""Derivative rules: the user's own, and those of solvers, differential equations and integrals.

In: a rule as Python; out: an operation's declaration, as the ones under `ops`. Start with `custom`.
"""
