"""The normal distribution of numbers, and distributions derived from it."""

from __future__ import annotations

import numpy as np
from scipy.special import log_ndtr, ndtri, ndtri_exp

from srcdiff.vi.distributions.base import Distribution, LocationScale
from srcdiff.vi.distributions.supports import constraints


class Normal(LocationScale):
    """The normal distribution with mean `loc` and standard deviation `scale`."""

    noise = "normal"

    def log_density(self, value):
        z = (value - self.loc) / self.scale
        return -0.5 * (z**2 + np.log(2.0 * np.pi)) - np.log(self.scale)

    def from_noise(self, eps):
        return self.loc + self.scale * eps

    @property
    def mean(self):
        return self._full(self.loc)

    @property
    def variance(self):
        return self._full(self.scale**2)

    def entropy(self):
        return self._full(0.5 * (1.0 + np.log(2.0 * np.pi)) + np.log(self.scale))

    def natural_parameters(self):
        return self.loc / self.scale**2, -0.5 / self.scale**2

    def sufficient_statistics(self, value):
        return value, value**2

    def log_normalizer(self):
        return 0.5 * (self.loc / self.scale) ** 2 + np.log(self.scale)

    def log_base_measure(self, value):
        return np.full(np.shape(value), -0.5 * np.log(2.0 * np.pi))


class LogNormal(LocationScale):
    """The log-normal distribution: exp of a normal number with mean `loc` and standard deviation `scale`."""

    support = constraints.positive
    noise = "normal"

    def log_density(self, value):
        log_value = np.log(value)
        z = (log_value - self.loc) / self.scale
        return -0.5 * (z**2 + np.log(2.0 * np.pi)) - np.log(self.scale) - log_value

    def from_noise(self, eps):
        return np.exp(self.loc + self.scale * eps)

    @property
    def mean(self):
        return self._full(np.exp(self.loc + 0.5 * self.scale**2))

    @property
    def variance(self):
        return self._full(np.expm1(self.scale**2) * np.exp(2.0 * self.loc + self.scale**2))

    def entropy(self):
        return self._full(0.5 * (1.0 + np.log(2.0 * np.pi)) + np.log(self.scale) + self.loc)

    def natural_parameters(self):
        return self.loc / self.scale**2, -0.5 / self.scale**2

    def sufficient_statistics(self, value):
        return np.log(value), np.log(value) ** 2

    def log_normalizer(self):
        return 0.5 * (self.loc / self.scale) ** 2 + np.log(self.scale)

    def log_base_measure(self, value):
        return -0.5 * np.log(2.0 * np.pi) - np.log(value)


class HalfNormal(Distribution):
    """The half-normal distribution: the absolute value of a normal number with mean 0 and standard
    deviation `scale`.
    """

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    noise = "normal"

    def __init__(self, scale=1.0):
        self.scale = scale

    def log_density(self, value):
        return 0.5 * np.log(2.0 / np.pi) - np.log(self.scale) - 0.5 * (value / self.scale) ** 2

    def from_noise(self, eps):
        return self.scale * np.abs(eps)

    @property
    def mean(self):
        return self._full(self.scale * np.sqrt(2.0 / np.pi))

    @property
    def variance(self):
        return self._full(self.scale**2 * (1.0 - 2.0 / np.pi))

    def entropy(self):
        return self._full(0.5 * (1.0 + np.log(0.5 * np.pi)) + np.log(self.scale))

    def natural_parameters(self):
        return (-0.5 / self.scale**2,)

    def sufficient_statistics(self, value):
        return (value**2,)

    def log_normalizer(self):
        return np.log(self.scale)

    def log_base_measure(self, value):
        return np.full(np.shape(value), 0.5 * np.log(2.0 / np.pi))


class SkewNormal(Distribution):
    """Azzalini's skew normal distribution: twice the normal density times the normal CDF at `skewness` times z."""

    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "skewness": constraints.real,
    }
    support = constraints.real
    noise = "normal"

    def __init__(self, loc=0.0, scale=1.0, skewness=0.0):
        self.loc = loc
        self.scale = scale
        self.skewness = skewness

    def log_density(self, value):
        z = (value - self.loc) / self.scale
        log_normal = -0.5 * (z**2 + np.log(2.0 * np.pi)) - np.log(self.scale)
        return np.log(2.0) + log_normal + log_ndtr(self.skewness * z)

    def noise_shape(self, shape=()):
        return (*self.shape(shape), 2)

    def from_noise(self, eps):
        bent = self.skewness * np.abs(eps[..., 0]) + eps[..., 1]
        return self.loc + self.scale * bent / np.sqrt(1.0 + self.skewness**2)

    @property
    def mean(self):
        delta = self.skewness / np.sqrt(1.0 + self.skewness**2)
        return self._full(self.loc + self.scale * delta * np.sqrt(2.0 / np.pi))

    @property
    def variance(self):
        delta = self.skewness / np.sqrt(1.0 + self.skewness**2)
        return self._full(self.scale**2 * (1.0 - 2.0 * delta**2 / np.pi))


class TruncatedNormal(Distribution):
    """The truncated normal distribution: a normal number between `low` and `high`, either of which may be None."""

    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "low": constraints.real,
        "high": constraints.real,
    }
    noise = "uniform"

    def __init__(self, loc=0.0, scale=1.0, *, low=None, high=None):
        self.loc = loc
        self.scale = scale
        self.low = low
        self.high = high

    @property
    def support(self):
        return constraints.between(self.low, self.high)

    def _ends(self):
        """The ends in standard deviations, mirrored to where both CDFs are small; the sign says whether."""
        if self.low is None:
            return None, (self.high - self.loc) / self.scale, 1.0
        if self.high is None:
            return None, (self.loc - self.low) / self.scale, -1.0
        low, high = (self.low - self.loc) / self.scale, (self.high - self.loc) / self.scale
        mirrored = low > 0.0
        sign = np.where(mirrored, -1.0, 1.0)
        return np.where(mirrored, -high, low), np.where(mirrored, -low, high), sign

    def _log_mass(self):
        if self.low is None and self.high is None:
            return 0.0
        low, high, _ = self._ends()
        if low is None:
            return log_ndtr(high)
        return log_ndtr(high) + np.log(-np.expm1(log_ndtr(low) - log_ndtr(high)))

    def log_density(self, value):
        z = (value - self.loc) / self.scale
        log_normal = -0.5 * (z**2 + np.log(2.0 * np.pi)) - np.log(self.scale)
        return log_normal - self._log_mass()

    def from_noise(self, eps):
        if self.low is None and self.high is None:
            return self.loc + self.scale * ndtri(eps)
        low, high, sign = self._ends()
        share = np.where(sign < 0.0, 1.0 - eps, eps)
        if low is None:  # logarithms: the CDF itself is 0 below -38
            value = self.loc + sign * self.scale * ndtri_exp(np.log(share) + log_ndtr(high))
            return (
                np.maximum(value, self.low) if self.high is None else np.minimum(value, self.high)
            )
        ratio = np.exp(log_ndtr(low) - log_ndtr(high))
        log_cdf = log_ndtr(high) + np.log(share + (1.0 - share) * ratio)
        value = self.loc + sign * self.scale * ndtri_exp(log_cdf)
        return np.clip(value, self.low, self.high)

    def _moments(self):
        """phi(a) - phi(b), and a phi(a) - b phi(b), over the mass, for the ends a and b."""
        log_mass = self._log_mass() + 0.5 * np.log(2.0 * np.pi)
        first, second = 0.0, 0.0
        if self.low is not None:
            a = (self.low - self.loc) / self.scale
            density = np.exp(-0.5 * a**2 - log_mass)
            first, second = first + density, second + a * density
        if self.high is not None:
            b = (self.high - self.loc) / self.scale
            density = np.exp(-0.5 * b**2 - log_mass)
            first, second = first - density, second - b * density
        return first, second

    @property
    def mean(self):
        first, _ = self._moments()
        return self._full(self.loc + self.scale * first)

    @property
    def variance(self):
        first, second = self._moments()
        return self._full(self.scale**2 * (1.0 + second - first**2))

    def entropy(self):
        _, second = self._moments()
        normal = 0.5 * (1.0 + np.log(2.0 * np.pi)) + np.log(self.scale)
        return self._full(normal + self._log_mass() + 0.5 * second)
