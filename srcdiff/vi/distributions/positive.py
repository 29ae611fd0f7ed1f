"""Distributions of positive numbers."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, gammainccinv, gammaincinv, gammaln, xlogy

from srcdiff.vi.distributions.base import Distribution
from srcdiff.vi.distributions.supports import constraints


class Exponential(Distribution):
    """The exponential distribution with mean 1 / `rate`."""

    arg_constraints = {"rate": constraints.positive}
    support = constraints.nonnegative
    noise = "uniform"

    def __init__(self, rate=1.0):
        self.rate = rate

    def log_density(self, value):
        return np.log(self.rate) - self.rate * value

    def from_noise(self, eps):
        return -np.log(eps) / self.rate

    @property
    def mean(self):
        return self._full(1.0 / self.rate)

    @property
    def variance(self):
        return self._full(1.0 / self.rate**2)

    def entropy(self):
        return self._full(1.0 - np.log(self.rate))

    def natural_parameters(self):
        return (-self.rate,)

    def sufficient_statistics(self, value):
        return (value,)

    def log_normalizer(self):
        return -np.log(self.rate)

    def log_base_measure(self, value):
        return np.zeros(np.shape(value))


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

    def natural_parameters(self):
        return self.concentration - 1.0, -self.rate

    def sufficient_statistics(self, value):
        return np.log(value), value

    def log_normalizer(self):
        return gammaln(self.concentration) - self.concentration * np.log(self.rate)

    def log_base_measure(self, value):
        return np.zeros(np.shape(value))


class Chi2(Distribution):
    """The chi-squared distribution: the sum of `df` squares of standard normal numbers."""

    arg_constraints = {"df": constraints.positive}
    support = constraints.nonnegative
    noise = "uniform"

    def __init__(self, df):
        self.df = df

    def log_density(self, value):
        half = 0.5 * self.df
        return xlogy(half - 1.0, value) - 0.5 * value - half * np.log(2.0) - gammaln(half)

    def from_noise(self, eps):
        return 2.0 * gammaincinv(0.5 * self.df, eps)

    def sample(self, rng, shape=()):
        return rng.chisquare(self.df, self.shape(shape))

    @property
    def mean(self):
        return self._full(self.df)

    @property
    def variance(self):
        return self._full(2.0 * self.df)

    def entropy(self):
        half = 0.5 * self.df
        return self._full(half + np.log(2.0) + gammaln(half) + (1.0 - half) * digamma(half))

    def natural_parameters(self):
        return (0.5 * self.df - 1.0,)

    def sufficient_statistics(self, value):
        return (np.log(value),)

    def log_normalizer(self):
        return gammaln(0.5 * self.df) + 0.5 * self.df * np.log(2.0)

    def log_base_measure(self, value):
        return -0.5 * value


class InverseGamma(Distribution):
    """The inverse gamma distribution: 1 / x for a gamma number x with shape `concentration` and rate `rate`."""

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.positive
    noise = "uniform"

    def __init__(self, concentration, rate=1.0):
        self.concentration = concentration
        self.rate = rate

    def log_density(self, value):
        a, b = self.concentration, self.rate
        return a * np.log(b) - gammaln(a) - (a + 1.0) * np.log(value) - b / value

    def from_noise(self, eps):
        return self.rate / gammainccinv(self.concentration, eps)

    def sample(self, rng, shape=()):
        return self.rate / rng.gamma(self.concentration, size=self.shape(shape))

    @property
    def mean(self):
        a = self.concentration
        return self._full(np.where(a > 1.0, self.rate / np.where(a > 1.0, a - 1.0, 1.0), np.inf))

    @property
    def variance(self):
        a = self.concentration
        safe = np.where(a > 2.0, a, 3.0)
        finite = self.rate**2 / ((safe - 1.0) ** 2 * (safe - 2.0))
        return self._full(np.where(a > 2.0, finite, np.inf))

    def entropy(self):
        a = self.concentration
        return self._full(a + np.log(self.rate) + gammaln(a) - (1.0 + a) * digamma(a))

    def natural_parameters(self):
        return -self.concentration - 1.0, -self.rate

    def sufficient_statistics(self, value):
        return np.log(value), 1.0 / value

    def log_normalizer(self):
        return gammaln(self.concentration) - self.concentration * np.log(self.rate)

    def log_base_measure(self, value):
        return np.zeros(np.shape(value))


class InverseGaussian(Distribution):
    """The inverse Gaussian (Wald) distribution with mean `loc`; its variance is loc**3 / concentration."""

    arg_constraints = {"loc": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive

    def __init__(self, loc, concentration):
        self.loc = loc
        self.concentration = concentration

    def log_density(self, value):
        spread = (value / self.loc - 1.0) ** 2 / value
        log_norm = 0.5 * np.log(0.5 * self.concentration / np.pi)
        return log_norm - 1.5 * np.log(value) - 0.5 * self.concentration * spread

    def sample(self, rng, shape=()):
        return rng.wald(self.loc, self.concentration, self.shape(shape))

    @property
    def mean(self):
        return self._full(self.loc)

    @property
    def variance(self):
        return self._full(self.loc**3 / self.concentration)

    def natural_parameters(self):
        return -0.5 * self.concentration / self.loc**2, -0.5 * self.concentration

    def sufficient_statistics(self, value):
        return value, 1.0 / value

    def log_normalizer(self):
        return -self.concentration / self.loc - 0.5 * np.log(self.concentration)

    def log_base_measure(self, value):
        return -0.5 * np.log(2.0 * np.pi) - 1.5 * np.log(value)


class LogUniform(Distribution):
    """exp of a number that is uniform between log `low` and log `high`."""

    arg_constraints = {"low": constraints.positive, "high": constraints.positive}
    noise = "uniform"

    def __init__(self, low, high):
        self.low = low
        self.high = high

    @property
    def support(self):
        return constraints.interval(self.low, self.high)

    def _log_ratio(self):
        return np.log(self.high) - np.log(self.low)  # the ratio itself may be beyond all doubles

    def log_density(self, value):
        return -np.log(value) - np.log(self._log_ratio())

    def from_noise(self, eps):
        return np.exp(np.log(self.low) + eps * self._log_ratio())

    @property
    def mean(self):
        return self._full((self.high - self.low) / self._log_ratio())

    @property
    def variance(self):
        log_ratio = self._log_ratio()
        mean = (self.high - self.low) / log_ratio
        return self._full(0.5 * (self.high**2 - self.low**2) / log_ratio - mean**2)

    def entropy(self):
        mean_log = 0.5 * (np.log(self.low) + np.log(self.high))
        return self._full(mean_log + np.log(self._log_ratio()))


class Pareto(Distribution):
    """The Pareto distribution above `scale`: the probability of more than x is (scale / x)**alpha."""

    arg_constraints = {"scale": constraints.positive, "alpha": constraints.positive}
    noise = "uniform"

    def __init__(self, scale, alpha):
        self.scale = scale
        self.alpha = alpha

    @property
    def support(self):
        return constraints.at_least(self.scale)

    def log_density(self, value):
        log_norm = np.log(self.alpha) + self.alpha * np.log(self.scale)
        return log_norm - (self.alpha + 1.0) * np.log(value)

    def from_noise(self, eps):
        return self.scale * np.exp(-np.log(eps) / self.alpha)

    @property
    def mean(self):
        safe = np.where(self.alpha > 1.0, self.alpha, 2.0)
        return self._full(np.where(self.alpha > 1.0, self.scale * safe / (safe - 1.0), np.inf))

    @property
    def variance(self):
        safe = np.where(self.alpha > 2.0, self.alpha, 3.0)
        finite = self.scale**2 * safe / ((safe - 1.0) ** 2 * (safe - 2.0))
        return self._full(np.where(self.alpha > 2.0, finite, np.inf))

    def entropy(self):
        return self._full(np.log(self.scale / self.alpha) + 1.0 + 1.0 / self.alpha)


class Weibull(Distribution):
    """The Weibull distribution: the probability of more than x is exp(-(x / scale)**concentration)."""

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.nonnegative
    noise = "uniform"

    def __init__(self, scale, concentration):
        self.scale = scale
        self.concentration = concentration

    def log_density(self, value):
        k, z = self.concentration, value / self.scale
        return np.log(k / self.scale) + xlogy(k - 1.0, z) - z**k

    def from_noise(self, eps):
        return self.scale * (-np.log(eps)) ** (1.0 / self.concentration)

    @property
    def mean(self):
        return self._full(self.scale * np.exp(gammaln(1.0 + 1.0 / self.concentration)))

    @property
    def variance(self):
        k = self.concentration
        second = np.exp(gammaln(1.0 + 2.0 / k))
        return self._full(self.scale**2 * (second - np.exp(2.0 * gammaln(1.0 + 1.0 / k))))

    def entropy(self):
        k = self.concentration
        return self._full(np.euler_gamma * (1.0 - 1.0 / k) + np.log(self.scale / k) + 1.0)
