"""Distributions of truth values, signs and categories."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, gammaln, logsumexp, softmax, xlog1py, xlogy

from srcdiff.vi.distributions.base import Distribution, OfChance
from srcdiff.vi.distributions.supports import constraints


class Bernoulli(OfChance):
    """The Bernoulli distribution: 1 with probability `probs`, otherwise 0; `logits` are log(probs / (1 - probs))."""

    counts_from_zero = True
    support = constraints.boolean

    def log_density(self, value):
        if self.probs is None:
            return value * self.logits - np.logaddexp(0.0, self.logits)
        return xlogy(value, self.probs) + xlog1py(1 - value, -self.probs)

    def sample(self, rng, shape=()):
        return (rng.random(self.shape(shape)) < self._probs).astype(int)

    def enumerate_support(self):
        return np.arange(2)

    @property
    def mean(self):
        return self._full(self._probs)

    @property
    def variance(self):
        return self._full(self._probs * (1.0 - self._probs))

    def entropy(self):
        if self.probs is None:
            return self._full(np.logaddexp(0.0, self.logits) - self.logits * expit(self.logits))
        p = self.probs
        return self._full(-xlogy(p, p) - xlog1py(1.0 - p, -p))

    def natural_parameters(self):
        if self.probs is None:
            return (self.logits,)
        return (np.log(self.probs) - np.log1p(-self.probs),)

    def sufficient_statistics(self, value):
        return (value,)

    def log_normalizer(self):
        return np.logaddexp(0.0, self.logits) if self.probs is None else -np.log1p(-self.probs)

    def log_base_measure(self, value):
        return np.zeros(np.shape(value))


class Rademacher(Distribution):
    """The Rademacher distribution: 1 with probability `probs`, otherwise -1."""

    arg_constraints = {"probs": constraints.unit_interval}
    support = constraints.sign

    def __init__(self, probs=0.5):
        self.probs = probs

    def log_density(self, value):
        up = 0.5 * (1.0 + value)
        return xlogy(up, self.probs) + xlog1py(1.0 - up, -self.probs)

    def sample(self, rng, shape=()):
        return np.where(rng.random(self.shape(shape)) < self.probs, 1, -1)

    def enumerate_support(self):
        return np.array([-1, 1])

    @property
    def mean(self):
        return self._full(2.0 * self.probs - 1.0)

    @property
    def variance(self):
        return self._full(4.0 * self.probs * (1.0 - self.probs))

    def entropy(self):
        p = self.probs
        return self._full(-xlogy(p, p) - xlog1py(1.0 - p, -p))


class DiscreteUniform(Distribution):
    """The discrete uniform distribution: the integers from `low` to `high`, all with equal probability."""

    arg_constraints = {"low": constraints.real, "high": constraints.real}

    def __init__(self, low=0, high=1):
        self.low = low
        self.high = high

    @property
    def support(self):
        return constraints.integer_interval(self.low, self.high)

    def log_density(self, value):
        log_mass = -np.log(self.high - self.low + 1.0)
        return log_mass if np.ndim(value) == 0 else np.zeros(np.shape(value)) + log_mass

    def sample(self, rng, shape=()):
        count = self.high - self.low + 1
        return (self.low + np.floor(count * rng.random(self.shape(shape)))).astype(int)

    def enumerate_support(self):
        return np.arange(self.low, self.high + 1)

    @property
    def mean(self):
        return self._full(0.5 * (self.low + self.high))

    @property
    def variance(self):
        return self._full(((self.high - self.low + 1.0) ** 2 - 1.0) / 12.0)

    def entropy(self):
        return self._full(np.log(self.high - self.low + 1.0))


class _Weighted(Distribution):
    """A base class: `probs` (..., K), or `logits`, their logarithms up to a constant."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    alternatives = ("probs", "logits")
    probs: Any
    logits: Any

    @property
    def _count(self):
        return np.shape(self.logits if self.probs is None else self.probs)[-1]

    @property
    def _probs(self):
        return softmax(self.logits, axis=-1) if self.probs is None else self.probs

    @property
    def log_weights(self):
        """The logarithms of the probabilities."""
        if self.probs is None:
            return self.logits - logsumexp(self.logits, axis=-1, keepdims=True)
        return np.log(self.probs)

    def _draw(self, rng, shape):
        edges = np.cumsum(self._probs, axis=-1)
        return np.sum(rng.random((*shape, 1)) * edges[..., -1:] >= edges, axis=-1)

    def _entropy(self):
        if self.probs is None:
            mean_logit = np.sum(softmax(self.logits, axis=-1) * self.logits, axis=-1)
            return logsumexp(self.logits, axis=-1) - mean_logit
        return -np.sum(xlogy(self.probs, self.probs), axis=-1)

    def natural_parameters(self):
        return (self.log_weights,)

    def log_normalizer(self):
        return np.zeros(self.batch_shape)


class Categorical(_Weighted):
    """The categorical distribution: the numbers from 0 to K - 1 with probabilities `probs` (..., K); `logits` are their
    logarithms up to a constant.
    """

    counts_from_zero = True

    def __init__(self, probs=None, logits=None):
        self.probs = probs
        self.logits = logits

    @property
    def support(self):
        return constraints.integer_interval(0, self._count - 1)

    def log_density(self, value):
        if self.probs is None:
            return pick(self.logits, value) - logsumexp(self.logits, axis=-1)
        return np.log(pick(self.probs, value))

    def sample(self, rng, shape=()):
        return self._draw(rng, self.shape(shape))

    def validate_value(self, value, where=""):
        super().validate_value(value, where)
        if np.asarray(value).dtype.kind == "f":  # the value is an index
            raise ValueError(
                f"{where}Categorical: value is {np.asarray(value).dtype}, where integers are needed"
            )

    def enumerate_support(self):
        return np.arange(self._count)

    @property
    def mean(self):
        return self._probs @ self.enumerate_support()

    @property
    def variance(self):
        k = self.enumerate_support()
        return self._probs @ k**2 - (self._probs @ k) ** 2

    def entropy(self):
        return self._entropy()

    def sufficient_statistics(self, value):
        return (1.0 * (np.expand_dims(value, -1) == self.enumerate_support()),)

    def log_base_measure(self, value):
        return np.zeros(np.shape(value))


class OneHotCategorical(_Weighted):
    """The categorical distribution, one-hot encoded: K numbers, one of them 1 and the others 0, with `probs` (..., K)
    or `logits`.
    """

    support = constraints.one_hot

    def __init__(self, probs=None, logits=None):
        self.probs = probs
        self.logits = logits

    @property
    def event_shape(self):
        return (self._count,)

    def log_density(self, value):
        if self.probs is None:
            return np.sum(value * self.logits, axis=-1) - logsumexp(self.logits, axis=-1)
        return np.sum(xlogy(value, self.probs), axis=-1)

    def sample(self, rng, shape=()):
        return np.eye(self._count, dtype=int)[self._draw(rng, self.shape(shape)[:-1])]

    def enumerate_support(self):
        return np.eye(self._count, dtype=int)

    @property
    def mean(self):
        return self._probs

    @property
    def variance(self):
        return self._probs * (1.0 - self._probs)

    def entropy(self):
        return self._entropy()

    def sufficient_statistics(self, value):
        return (value,)

    def log_base_measure(self, value):
        return np.zeros(np.shape(value)[:-1])


class Multinomial(_Weighted):
    """The multinomial distribution: counts (..., K) of `total_count` draws with probabilities `probs` (..., K) or
    `logits`.
    """

    arg_constraints = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.simplex,
        "logits": constraints.real_vector,
    }

    def __init__(self, total_count=1, probs=None, logits=None):
        self.total_count = total_count
        self.probs = probs
        self.logits = logits

    @property
    def support(self):
        return constraints.multinomial(self.total_count)

    @property
    def event_shape(self):
        return (self._count,)

    def log_density(self, value):
        log_ways = gammaln(self.total_count + 1.0) - np.sum(gammaln(value + 1.0), axis=-1)
        if self.probs is None:
            log_total = self.total_count * logsumexp(self.logits, axis=-1)
            return log_ways + np.sum(value * self.logits, axis=-1) - log_total
        return log_ways + np.sum(xlogy(value, self.probs), axis=-1)

    def sample(self, rng, shape=()):
        return multinomial(rng, self.total_count, np.broadcast_to(self._probs, self.shape(shape)))

    @property
    def mean(self):
        return np.expand_dims(self.total_count, -1) * self._probs

    @property
    def variance(self):
        return np.expand_dims(self.total_count, -1) * self._probs * (1.0 - self._probs)

    def sufficient_statistics(self, value):
        return (value,)

    def log_base_measure(self, value):
        return gammaln(self.total_count + 1.0) - np.sum(gammaln(value + 1.0), axis=-1)


def multinomial(rng, total_count, probs):
    """Multinomial counts, shaped like `probs` (..., K): binomial draws, one category after the other."""
    after = np.flip(
        np.cumsum(np.flip(probs, -1), axis=-1), -1
    )  # the probability of a category and all that follow
    shares = np.minimum(probs / np.where(after > 0.0, after, 1.0), 1.0)
    left = total_count + np.zeros(np.shape(probs)[:-1], dtype=int)
    counts = np.zeros(np.shape(probs), dtype=int)
    for k in range(np.shape(probs)[-1] - 1):
        drawn = rng.binomial(left, shares[..., k])
        counts[..., k] = drawn
        left = left - drawn
    counts[..., -1] = left
    return counts


def pick(table, value):
    """`table[..., value]`: of each row of `table` (..., K), the number at `value` (...)."""
    if np.ndim(table) == 1:
        return table[value]
    if np.ndim(table) == 2:
        return table[np.arange(table.shape[0]), value]
    shape = np.broadcast_shapes(np.shape(table)[:-1], np.shape(value))
    rows = np.broadcast_to(table, (*shape, np.shape(table)[-1]))
    places = np.expand_dims(np.broadcast_to(value, shape), -1)
    return np.take_along_axis(rows, places, axis=-1)[..., 0]
