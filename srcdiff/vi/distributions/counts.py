"""Distributions of counts."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from srcdiff.vi.distributions import constraints
from srcdiff.vi.distributions.base import Distribution

__all__ = ["Poisson"]


class Poisson(Distribution):
    """The number of events where `rate` are expected."""

    arg_constraints = {"rate": constraints.positive}
    support = constraints.nonnegative_integer

    def __init__(self, rate):
        self.rate = rate

    def log_density(self, value):
        return value * np.log(self.rate) - self.rate - gammaln(value + 1.0)

    def sample(self, rng, shape=()):
        return rng.poisson(self.rate, self.shape(shape))

    @property
    def mean(self):
        return self._full(self.rate)

    @property
    def variance(self):
        return self._full(self.rate)
