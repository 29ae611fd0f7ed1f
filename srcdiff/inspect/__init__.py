"""Tools that explain and check derivatives.

In: a derivative and arguments; out: reports: costs, reasons, the first NaN, finite differences.
Start with `explain`.
"""
