"""Bounds and their gradient estimators, as generated text.

In: a model and a guide; out: an ELBO and its gradient.
Start with `elbo`.
"""
