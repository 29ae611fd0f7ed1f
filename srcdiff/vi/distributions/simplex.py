"""Distributions of probabilities."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, gammaln, xlogy

from srcdiff.vi.distributions import constraints
from srcdiff.vi.distributions.base import Distribution

__all__ = ["Dirichlet"]


class Dirichlet(Distribution):
    """The Dirichlet distribution of probabilities, with weights `concentration` of shape (..., K)."""

    arg_constraints = {"concentration": constraints.positive_vector}
    support = constraints.simplex

    def __init__(self, concentration):
        self.concentration = concentration

    @property
    def event_shape(self):
        return np.shape(self.concentration)[-1:]

    def log_density(self, value):
        a = self.concentration
        log_norm = np.sum(gammaln(a), axis=-1) - gammaln(np.sum(a, axis=-1))
        return np.sum(xlogy(a - 1.0, value), axis=-1) - log_norm

    def sample(self, rng, shape=()):
        # in logarithms: of small weights, all pieces may be too small for a double
        a = np.broadcast_to(self.concentration, self.shape(shape))
        log_g = np.log(rng.gamma(a + 1.0)) + np.log(1.0 - rng.random(a.shape)) / a
        pieces = np.exp(log_g - np.max(log_g, axis=-1, keepdims=True))
        return pieces / np.sum(pieces, axis=-1, keepdims=True)

    @property
    def mean(self):
        return self.concentration / np.sum(self.concentration, axis=-1, keepdims=True)

    @property
    def variance(self):
        total = np.sum(self.concentration, axis=-1, keepdims=True)
        mean = self.concentration / total
        return mean * (1.0 - mean) / (total + 1.0)

    def entropy(self):
        a = self.concentration
        total = np.sum(a, axis=-1)
        log_norm = np.sum(gammaln(a), axis=-1) - gammaln(total)
        mean_logs = np.sum((a - 1.0) * digamma(a), axis=-1)
        return log_norm + (total - np.shape(a)[-1]) * digamma(total) - mean_logs
