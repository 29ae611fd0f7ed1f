"""Distributions of numbers in an interval."""

from __future__ import annotations

import numpy as np
from scipy.special import betaincinv, betaln, digamma, xlog1py, xlogy

from srcdiff.vi.distributions import constraints
from srcdiff.vi.distributions.base import Distribution

__all__ = ["Beta"]


class Beta(Distribution):
    """The beta distribution: log x has the weight `concentration1` - 1, log(1 - x) `concentration0` - 1."""

    arg_constraints = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    noise = "uniform"

    def __init__(self, concentration1, concentration0):
        self.concentration1 = concentration1
        self.concentration0 = concentration0

    def log_density(self, value):
        a, b = self.concentration1, self.concentration0
        return xlogy(a - 1.0, value) + xlog1py(b - 1.0, -value) - betaln(a, b)

    def from_noise(self, eps):
        return betaincinv(self.concentration1, self.concentration0, eps)

    def sample(self, rng, shape=()):
        return rng.beta(self.concentration1, self.concentration0, self.shape(shape))

    @property
    def mean(self):
        return self._full(self.concentration1 / (self.concentration1 + self.concentration0))

    @property
    def variance(self):
        a, b = self.concentration1, self.concentration0
        return self._full(a * b / ((a + b) ** 2 * (a + b + 1.0)))

    def entropy(self):
        a, b = self.concentration1, self.concentration0
        mean_logs = (a - 1.0) * digamma(a) + (b - 1.0) * digamma(b)
        return self._full(betaln(a, b) - mean_logs + (a + b - 2.0) * digamma(a + b))
