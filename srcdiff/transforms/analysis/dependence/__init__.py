"""Dependence analysis: which accesses to memory depend on each other, within and between iterations.

In: loads, stores and loops; out: regions, stability of loads, uniformity.
Start with `access_regions` and `load_stability`.
"""
