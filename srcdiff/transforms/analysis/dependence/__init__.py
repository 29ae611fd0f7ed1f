"""Which accesses to memory depend on each other, iteration by iteration.

In: loads, stores and loops; out: regions, stability of loads, uniformity.
Start with `access_regions` and `load_stability`.
"""
