"""Supports of distributions, and the maps onto them.

In: a support; out: its checks, and a bijection from the reals.
Start with `scalar`; `constraints` has the public names.
"""
