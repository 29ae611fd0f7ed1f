"""Distributions of positive numbers."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, gammaincinv, gammaln, xlogy

from srcdiff.vi.distributions import constraints
from srcdiff.vi.distributions.base import Distribution

__all__ = ["Gamma"]


class Gamma(Distribution):
    """The gamma distribution with shape `concentration` and `rate` (the inverse of the scale)."""

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    noise = "uniform"

    def __init__(self, concentration, rate=1.0):
        self.concentration = concentration
        self.rate = rate

    def log_density(self, value):
        a, b = self.concentration, self.rate
        return a * np.log(b) - gammaln(a) + xlogy(a - 1.0, value) - b * value

    def from_noise(self, eps):
        return gammaincinv(self.concentration, eps) / self.rate

    def sample(self, rng, shape=()):
        return rng.gamma(self.concentration, size=self.shape(shape)) / self.rate

    @property
    def mean(self):
        return self._full(self.concentration / self.rate)

    @property
    def variance(self):
        return self._full(self.concentration / self.rate**2)

    def entropy(self):
        a = self.concentration
        return self._full(a - np.log(self.rate) + gammaln(a) + (1.0 - a) * digamma(a))
