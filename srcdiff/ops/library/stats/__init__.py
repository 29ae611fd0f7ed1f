"""Distributions of `scipy.stats` and functions of `scipy.special`, written as Python.

In: callables of SciPy; out: composites.
Start with `continuous`; `loc_scale` adds location and scale to each family.
"""
