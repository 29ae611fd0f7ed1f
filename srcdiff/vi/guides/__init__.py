"""Guides: families of approximations, and guides that are programs.

In: a model's sites; out: parameters, noise and the way from them to draws.
Start with `automatic`.
"""
