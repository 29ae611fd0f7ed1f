"""Distributions of real numbers with heavier tails than the normal one."""

from __future__ import annotations

import numpy as np
from scipy.special import betaln, digamma, stdtrit

from srcdiff.vi.distributions import constraints
from srcdiff.vi.distributions.base import Distribution

__all__ = ["Cauchy", "HalfCauchy", "StudentT"]


class StudentT(Distribution):
    """Student's t with `df` degrees of freedom, at `loc`, stretched by `scale`."""

    arg_constraints = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real
    noise = "uniform"

    def __init__(self, df, loc=0.0, scale=1.0):
        self.df = df
        self.loc = loc
        self.scale = scale

    def log_density(self, value):
        z = (value - self.loc) / self.scale
        log_norm = 0.5 * np.log(self.df) + betaln(0.5, 0.5 * self.df) + np.log(self.scale)
        return -0.5 * (self.df + 1.0) * np.log1p(z**2 / self.df) - log_norm

    def from_noise(self, eps):
        return self.loc + self.scale * stdtrit(self.df, eps)

    def sample(self, rng, shape=()):
        return self.loc + self.scale * rng.standard_t(self.df, self.shape(shape))

    @property
    def mean(self):
        return self._full(np.where(self.df > 1.0, self.loc, np.nan))

    @property
    def variance(self):
        beyond = np.where(self.df > 2.0, self.df - 2.0, 1.0)
        heavy = np.where(self.df > 1.0, np.inf, np.nan)
        return self._full(np.where(self.df > 2.0, self.scale**2 * self.df / beyond, heavy))

    def entropy(self):
        half = 0.5 * (self.df + 1.0)
        difference = digamma(half) - digamma(0.5 * self.df)
        log_norm = 0.5 * np.log(self.df) + betaln(0.5, 0.5 * self.df) + np.log(self.scale)
        return self._full(half * difference + log_norm)


class Cauchy(Distribution):
    """The Cauchy distribution with median `loc`; half of it lies within `scale`."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    noise = "uniform"

    def __init__(self, loc=0.0, scale=1.0):
        self.loc = loc
        self.scale = scale

    def log_density(self, value):
        z = (value - self.loc) / self.scale
        return -np.log(np.pi) - np.log(self.scale) - np.log1p(z**2)

    def from_noise(self, eps):
        return self.loc + self.scale * np.tan(np.pi * (eps - 0.5))

    @property
    def mean(self):
        return self._full(np.nan)

    @property
    def variance(self):
        return self._full(np.nan)

    def entropy(self):
        return self._full(np.log(4.0 * np.pi * self.scale))


class HalfCauchy(Distribution):
    """The absolute value of a Cauchy number around 0."""

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    noise = "uniform"

    def __init__(self, scale=1.0):
        self.scale = scale

    def log_density(self, value):
        return np.log(2.0 / np.pi) - np.log(self.scale) - np.log1p((value / self.scale) ** 2)

    def from_noise(self, eps):
        return self.scale * np.tan(0.5 * np.pi * eps)

    @property
    def mean(self):
        return self._full(np.inf)

    @property
    def variance(self):
        return self._full(np.inf)

    def entropy(self):
        return self._full(np.log(2.0 * np.pi * self.scale))
