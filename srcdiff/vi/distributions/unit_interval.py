"""Distributions of numbers in an interval."""

from __future__ import annotations

import numpy as np
from scipy.special import betaincinv, betaln, digamma, i0e, i1e, xlog1py, xlogy

from srcdiff.vi.distributions.base import Distribution
from srcdiff.vi.distributions.supports import constraints


class Uniform(Distribution):
    """The uniform distribution between `low` and `high`."""

    arg_constraints = {"low": constraints.real, "high": constraints.real}
    noise = "uniform"

    def __init__(self, low=0.0, high=1.0):
        self.low = low
        self.high = high

    @property
    def support(self):
        return constraints.interval(self.low, self.high)

    def log_density(self, value):
        log_density = -np.log(self.high - self.low)
        return log_density if np.ndim(value) == 0 else np.zeros(np.shape(value)) + log_density

    def from_noise(self, eps):
        return self.low + (self.high - self.low) * eps

    @property
    def mean(self):
        return self._full(0.5 * (self.low + self.high))

    @property
    def variance(self):
        return self._full((self.high - self.low) ** 2 / 12.0)

    def entropy(self):
        return self._full(np.log(self.high - self.low))


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

    def natural_parameters(self):
        return self.concentration1 - 1.0, self.concentration0 - 1.0

    def sufficient_statistics(self, value):
        return np.log(value), np.log1p(-value)

    def log_normalizer(self):
        return betaln(self.concentration1, self.concentration0)

    def log_base_measure(self, value):
        return np.zeros(np.shape(value))


class Kumaraswamy(Distribution):
    """Kumaraswamy's distribution: the probability of more than x is (1 - x**a)**b, for a `concentration1` and b
    `concentration0`.
    """

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
        return np.log(a) + np.log(b) + xlogy(a - 1.0, value) + xlog1py(b - 1.0, -(value**a))

    def from_noise(self, eps):
        share = -np.expm1(np.log(eps) / self.concentration0)
        return share ** (1.0 / self.concentration1)

    @property
    def mean(self):
        return self._full(self._power_mean(1.0))

    @property
    def variance(self):
        return self._full(self._power_mean(2.0) - self._power_mean(1.0) ** 2)

    def _power_mean(self, power):
        a, b = self.concentration1, self.concentration0
        return b * np.exp(betaln(1.0 + power / a, b))

    def entropy(self):
        a, b = self.concentration1, self.concentration0
        harmonic = digamma(b + 1.0) + np.euler_gamma
        return self._full(1.0 - 1.0 / b + (1.0 - 1.0 / a) * harmonic - np.log(a) - np.log(b))


class VonMises(Distribution):
    """The von Mises distribution of angles around `loc`. `mean` and `variance` are the circular ones."""

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.circular

    def __init__(self, loc, concentration):
        self.loc = loc
        self.concentration = concentration

    def log_density(self, value):
        k = self.concentration
        return k * (np.cos(value - self.loc) - 1.0) - np.log(2.0 * np.pi * i0e(k))

    def sample(self, rng, shape=()):
        return rng.vonmises(self.loc, self.concentration, self.shape(shape))

    @property
    def mean(self):
        return self._full(self.loc)

    @property
    def variance(self):
        return self._full(1.0 - i1e(self.concentration) / i0e(self.concentration))

    def entropy(self):
        k = self.concentration
        return self._full(np.log(2.0 * np.pi * i0e(k)) + k * (1.0 - i1e(k) / i0e(k)))

    def natural_parameters(self):
        return self.concentration * np.cos(self.loc), self.concentration * np.sin(self.loc)

    def sufficient_statistics(self, value):
        return np.cos(value), np.sin(value)

    def log_normalizer(self):
        return np.log(2.0 * np.pi * i0e(self.concentration)) + self.concentration

    def log_base_measure(self, value):
        return np.zeros(np.shape(value))
