"""Distributions of real numbers with heavier tails than the normal one."""

from __future__ import annotations

import numpy as np
from scipy.special import betaln, digamma, logit, ndtri, stdtrit

from srcdiff.vi.distributions.base import Distribution, LocationScale
from srcdiff.vi.distributions.supports import constraints


class StudentT(Distribution):
    """Student's t distribution with `df` degrees of freedom, location `loc` and scale `scale`."""

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


class Cauchy(LocationScale):
    """The Cauchy distribution with median `loc`; half of its mass lies within `scale` of the median."""

    noise = "uniform"

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
    """The half-Cauchy distribution: the absolute value of a Cauchy number around 0."""

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


class Levy(Distribution):
    """The Lévy distribution: `scale` over the square of a standard normal number, above `loc`."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    noise = "uniform"

    def __init__(self, loc, scale):
        self.loc = loc
        self.scale = scale

    @property
    def support(self):
        return constraints.greater_than(self.loc)

    def log_density(self, value):
        x = value - self.loc
        log_scale = np.log(self.scale) - np.log(2.0 * np.pi)
        return 0.5 * log_scale - 1.5 * np.log(x) - 0.5 * self.scale / x

    def from_noise(self, eps):
        return self.loc + self.scale / ndtri(0.5 * eps) ** 2

    @property
    def mean(self):
        return self._full(np.inf)

    @property
    def variance(self):
        return self._full(np.inf)

    def entropy(self):
        return self._full(0.5 * (1.0 + 3.0 * np.euler_gamma + np.log(16.0 * np.pi * self.scale**2)))


class Laplace(LocationScale):
    """The Laplace distribution: `loc` plus or minus an exponential number with mean `scale`."""

    noise = "uniform"

    def log_density(self, value):
        return -np.abs(value - self.loc) / self.scale - np.log(2.0 * self.scale)

    def from_noise(self, eps):
        log_tail = np.log(2.0 * np.minimum(eps, 1.0 - eps))  # as precise near 0 as eps is
        return self.loc - self.scale * np.sign(eps - 0.5) * log_tail

    @property
    def mean(self):
        return self._full(self.loc)

    @property
    def variance(self):
        return self._full(2.0 * self.scale**2)

    def entropy(self):
        return self._full(1.0 + np.log(2.0 * self.scale))


class AsymmetricLaplace(Distribution):
    """The asymmetric Laplace distribution: an exponential number with mean scale / asymmetry above `loc`, or with mean
    scale * asymmetry below it.
    """

    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "asymmetry": constraints.positive,
    }
    support = constraints.real
    noise = "uniform"

    def __init__(self, loc=0.0, scale=1.0, asymmetry=1.0):
        self.loc = loc
        self.scale = scale
        self.asymmetry = asymmetry

    def log_density(self, value):
        below, above = self.scale * self.asymmetry, self.scale / self.asymmetry
        distance = np.abs(value - self.loc)
        return -distance / np.where(value < self.loc, below, above) - np.log(below + above)

    def from_noise(self, eps):
        below, above = self.scale * self.asymmetry, self.scale / self.asymmetry
        share = below / (below + above)
        left = below * np.log(np.minimum(eps / share, 1.0))
        right = above * np.log(np.minimum((1.0 - eps) / (1.0 - share), 1.0))
        return self.loc + left - right

    @property
    def mean(self):
        return self._full(self.loc + self.scale / self.asymmetry - self.scale * self.asymmetry)

    @property
    def variance(self):
        return self._full((self.scale / self.asymmetry) ** 2 + (self.scale * self.asymmetry) ** 2)

    def entropy(self):
        return self._full(1.0 + np.log(self.scale / self.asymmetry + self.scale * self.asymmetry))


class Logistic(LocationScale):
    """The logistic distribution with mean `loc`: its CDF is expit((x - loc) / scale)."""

    noise = "uniform"

    def log_density(self, value):
        z = (value - self.loc) / self.scale
        return -z - 2.0 * np.logaddexp(0.0, -z) - np.log(self.scale)

    def from_noise(self, eps):
        return self.loc + self.scale * logit(eps)

    @property
    def mean(self):
        return self._full(self.loc)

    @property
    def variance(self):
        return self._full((np.pi * self.scale) ** 2 / 3.0)

    def entropy(self):
        return self._full(np.log(self.scale) + 2.0)


class SoftLaplace(Distribution):
    """The hyperbolic secant distribution around `loc`, whose tails are those of the Laplace distribution."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    noise = "uniform"

    def __init__(self, loc, scale):
        self.loc = loc
        self.scale = scale

    def log_density(self, value):
        z = (value - self.loc) / self.scale
        return np.log(2.0 / np.pi) - np.log(self.scale) - np.logaddexp(z, -z)

    def from_noise(self, eps):
        return self.loc + self.scale * np.log(np.tan(0.5 * np.pi * eps))

    @property
    def mean(self):
        return self._full(self.loc)

    @property
    def variance(self):
        return self._full((0.5 * np.pi * self.scale) ** 2)

    def entropy(self):
        return self._full(np.log(2.0 * np.pi * self.scale))


class Gumbel(LocationScale):
    """The Gumbel distribution of maxima with mode `loc`."""

    noise = "uniform"

    def log_density(self, value):
        z = (value - self.loc) / self.scale
        return -z - np.exp(-z) - np.log(self.scale)

    def from_noise(self, eps):
        return self.loc - self.scale * np.log(-np.log(eps))

    @property
    def mean(self):
        return self._full(self.loc + np.euler_gamma * self.scale)

    @property
    def variance(self):
        return self._full((np.pi * self.scale) ** 2 / 6.0)

    def entropy(self):
        return self._full(np.log(self.scale) + np.euler_gamma + 1.0)
