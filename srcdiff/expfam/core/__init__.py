"""Exponential families from a log-partition function.

In: `log_Z(eta)`; out: moments, entropies, divergences, fits.
Start with `family` and `identities`.
"""
