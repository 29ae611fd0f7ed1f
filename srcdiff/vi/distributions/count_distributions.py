"""Distributions of counts."""

from __future__ import annotations

import numpy as np
from scipy.special import betaln, expit, gammaln, xlog1py, xlogy

from srcdiff.vi.distributions.base import Distribution, OfChance
from srcdiff.vi.distributions.discrete import multinomial
from srcdiff.vi.distributions.supports import constraints


def _log_ways(total, value):
    """The logarithm of the binomial coefficient of `total` and `value`."""
    return gammaln(total + 1.0) - gammaln(value + 1.0) - gammaln(total - value + 1.0)


class Poisson(Distribution):
    """The Poisson distribution: the number of events with the expected number `rate`."""

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

    def natural_parameters(self):
        return (np.log(self.rate),)

    def sufficient_statistics(self, value):
        return (value,)

    def log_normalizer(self):
        return self.rate

    def log_base_measure(self, value):
        return -gammaln(value + 1.0)


class Binomial(Distribution):
    """The binomial distribution: the number of successes among `total_count` trials with probability `probs`; `logits`
    are log(probs / (1 - probs)).
    """

    arg_constraints = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    alternatives = ("probs", "logits")

    def __init__(self, total_count=1, probs=None, logits=None):
        self.total_count = total_count
        self.probs = probs
        self.logits = logits

    @property
    def support(self):
        return constraints.integer_interval(0, self.total_count)

    @property
    def _probs(self):
        return expit(self.logits) if self.probs is None else self.probs

    def log_density(self, value):
        n = self.total_count
        if self.probs is None:
            log_power = value * self.logits - n * np.logaddexp(0.0, self.logits)
        else:
            log_power = xlogy(value, self.probs) + xlog1py(n - value, -self.probs)
        return _log_ways(n, value) + log_power

    def sample(self, rng, shape=()):
        return rng.binomial(self.total_count, self._probs, self.shape(shape))

    @property
    def mean(self):
        return self._full(self.total_count * self._probs)

    @property
    def variance(self):
        return self._full(self.total_count * self._probs * (1.0 - self._probs))

    def natural_parameters(self):
        if self.probs is None:
            return (self.logits,)
        return (np.log(self.probs) - np.log1p(-self.probs),)

    def sufficient_statistics(self, value):
        return (value,)

    def log_normalizer(self):
        if self.probs is None:
            return self.total_count * np.logaddexp(0.0, self.logits)
        return -self.total_count * np.log1p(-self.probs)

    def log_base_measure(self, value):
        return _log_ways(self.total_count, value)


class Geometric(OfChance):
    """The geometric distribution: the number of failures before the first success, with success probability `probs`."""

    support = constraints.nonnegative_integer

    def log_density(self, value):
        if self.probs is None:
            return -value * np.logaddexp(0.0, self.logits) - np.logaddexp(0.0, -self.logits)
        return xlog1py(value, -self.probs) + np.log(self.probs)

    def sample(self, rng, shape=()):
        return rng.geometric(self._probs, self.shape(shape)) - 1

    @property
    def mean(self):
        return self._full(1.0 / self._probs - 1.0)

    @property
    def variance(self):
        return self._full((1.0 - self._probs) / self._probs**2)

    def entropy(self):
        p = self._probs
        return self._full(-(xlogy(p, p) + xlog1py(1.0 - p, -p)) / p)

    def natural_parameters(self):
        if self.probs is None:
            return (-np.logaddexp(0.0, self.logits),)
        return (np.log1p(-self.probs),)

    def sufficient_statistics(self, value):
        return (value,)

    def log_normalizer(self):
        return np.logaddexp(0.0, -self.logits) if self.probs is None else -np.log(self.probs)

    def log_base_measure(self, value):
        return np.zeros(np.shape(value))


class NegativeBinomial(Distribution):
    """The negative binomial distribution: the number of successes, with probability `probs`, before `total_count`
    failures.
    """

    arg_constraints = {
        "total_count": constraints.positive,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    alternatives = ("probs", "logits")
    support = constraints.nonnegative_integer

    def __init__(self, total_count, probs=None, logits=None):
        self.total_count = total_count
        self.probs = probs
        self.logits = logits

    @property
    def _odds(self):
        return np.exp(self.logits) if self.probs is None else self.probs / (1.0 - self.probs)

    def log_density(self, value):
        r = self.total_count
        log_ways = gammaln(value + r) - gammaln(value + 1.0) - gammaln(r)
        if self.probs is None:
            log_false = np.logaddexp(0.0, self.logits)
            return log_ways + value * self.logits - (value + r) * log_false
        return log_ways + xlogy(value, self.probs) + r * np.log1p(-self.probs)

    def sample(self, rng, shape=()):
        means = rng.gamma(self.total_count, size=self.shape(shape)) * self._odds
        return rng.poisson(means)

    @property
    def mean(self):
        return self._full(self.total_count * self._odds)

    @property
    def variance(self):
        return self._full(self.total_count * self._odds * (1.0 + self._odds))


class GammaPoisson(Distribution):
    """The gamma-Poisson distribution: a Poisson number whose rate is a gamma number with shape `concentration` and rate
    `rate`.
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative_integer

    def __init__(self, concentration, rate=1.0):
        self.concentration = concentration
        self.rate = rate

    def log_density(self, value):
        a, b = self.concentration, self.rate
        log_ways = gammaln(value + a) - gammaln(value + 1.0) - gammaln(a)
        return log_ways + a * np.log(b) - (value + a) * np.log1p(b)

    def sample(self, rng, shape=()):
        return rng.poisson(rng.gamma(self.concentration, size=self.shape(shape)) / self.rate)

    @property
    def mean(self):
        return self._full(self.concentration / self.rate)

    @property
    def variance(self):
        return self._full(self.concentration / self.rate * (1.0 + 1.0 / self.rate))


class BetaBinomial(Distribution):
    """The beta-binomial distribution: a binomial number whose probability is a beta number."""

    arg_constraints = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
        "total_count": constraints.nonnegative_integer,
    }

    def __init__(self, concentration1, concentration0, total_count=1):
        self.concentration1 = concentration1
        self.concentration0 = concentration0
        self.total_count = total_count

    @property
    def support(self):
        return constraints.integer_interval(0, self.total_count)

    def log_density(self, value):
        a, b, n = self.concentration1, self.concentration0, self.total_count
        return _log_ways(n, value) + betaln(value + a, n - value + b) - betaln(a, b)

    def sample(self, rng, shape=()):
        probs = rng.beta(self.concentration1, self.concentration0, self.shape(shape))
        return rng.binomial(self.total_count, probs)

    @property
    def mean(self):
        a, b = self.concentration1, self.concentration0
        return self._full(self.total_count * a / (a + b))

    @property
    def variance(self):
        a, b, n = self.concentration1, self.concentration0, self.total_count
        return self._full(n * a * b * (a + b + n) / ((a + b) ** 2 * (a + b + 1.0)))


class DirichletMultinomial(Distribution):
    """The Dirichlet-multinomial distribution: counts (..., K) of `total_count` draws whose probabilities are a
    Dirichlet draw.
    """

    arg_constraints = {
        "concentration": constraints.positive_vector,
        "total_count": constraints.nonnegative_integer,
    }

    def __init__(self, concentration, total_count=1):
        self.concentration = concentration
        self.total_count = total_count

    @property
    def support(self):
        return constraints.multinomial(self.total_count)

    @property
    def event_shape(self):
        return np.shape(self.concentration)[-1:]

    def log_density(self, value):
        a, n = self.concentration, self.total_count
        total = np.sum(a, axis=-1)
        each = gammaln(value + a) - gammaln(a) - gammaln(value + 1.0)
        return gammaln(total) + gammaln(n + 1.0) - gammaln(n + total) + np.sum(each, axis=-1)

    def sample(self, rng, shape=()):
        weights = rng.gamma(np.broadcast_to(self.concentration, self.shape(shape)))
        probs = weights / np.sum(weights, axis=-1, keepdims=True)
        return multinomial(rng, self.total_count, probs)

    @property
    def mean(self):
        total = np.sum(self.concentration, axis=-1, keepdims=True)
        return np.expand_dims(self.total_count, -1) * self.concentration / total

    @property
    def variance(self):
        n, total = self.total_count, np.sum(self.concentration, axis=-1, keepdims=True)
        p = self.concentration / total
        n = np.expand_dims(n, -1)
        return n * p * (1.0 - p) * (n + total) / (1.0 + total)


class ZeroInflatedPoisson(Distribution):
    """The zero-inflated Poisson distribution: 0 with probability `gate`, otherwise a Poisson number."""

    arg_constraints = {"gate": constraints.unit_interval, "rate": constraints.positive}
    support = constraints.nonnegative_integer

    def __init__(self, gate, rate=1.0):
        self.gate = gate
        self.rate = rate

    def log_density(self, value):
        log_zero = np.log(self.gate + (1.0 - self.gate) * np.exp(-self.rate))
        log_poisson = value * np.log(self.rate) - self.rate - gammaln(value + 1.0)
        return np.where(value == 0, log_zero, np.log1p(-self.gate) + log_poisson)

    def sample(self, rng, shape=()):
        whole = self.shape(shape)
        return np.where(rng.random(whole) < self.gate, 0, rng.poisson(self.rate, whole))

    @property
    def mean(self):
        return self._full((1.0 - self.gate) * self.rate)

    @property
    def variance(self):
        return self._full((1.0 - self.gate) * self.rate * (1.0 + self.rate * self.gate))
