"""Sequences: hidden Markov models, chains, linear dynamical systems.

In: `log_Z` of a chain and data; out: estimators with `fit` and `predict`.
Start with `chains`, then `hmm`.
"""
