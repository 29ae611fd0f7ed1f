"""Distributions of truth values and categories."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logsumexp, softmax, xlog1py, xlogy

from srcdiff.vi.distributions import constraints
from srcdiff.vi.distributions.base import Distribution

__all__ = ["Bernoulli", "Categorical"]


class Bernoulli(Distribution):
    """1 with probability `probs`, else 0; `logits` are log(probs / (1 - probs))."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean

    def __init__(self, probs=None, logits=None):
        self.probs = probs
        self.logits = logits

    @property
    def _probs(self):
        return expit(self.logits) if self.probs is None else self.probs

    def log_density(self, value):
        if self.probs is None:
            return value * self.logits - np.logaddexp(0.0, self.logits)
        return xlogy(value, self.probs) + xlog1py(1 - value, -self.probs)

    def sample(self, rng, shape=()):
        return (rng.random(self.shape(shape)) < self._probs).astype(int)

    def enumerate_support(self):
        """All values that there are."""
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


class Categorical(Distribution):
    """The numbers from 0 to K - 1 with probabilities `probs` (..., K); `logits` are their logarithms up to a constant."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(self, probs=None, logits=None):
        self.probs = probs
        self.logits = logits

    @property
    def _weights(self):
        return self.logits if self.probs is None else self.probs

    @property
    def _probs(self):
        return softmax(self.logits, axis=-1) if self.probs is None else self.probs

    @property
    def support(self):
        return constraints.integer_interval(0, np.shape(self._weights)[-1] - 1)

    def log_density(self, value):
        if self.probs is None:
            return pick(self.logits, value) - logsumexp(self.logits, axis=-1)
        return np.log(pick(self.probs, value))

    def sample(self, rng, shape=()):
        edges = np.cumsum(self._probs, axis=-1)
        u = rng.random((*self.shape(shape), 1)) * edges[..., -1:]
        return np.sum(u >= edges, axis=-1)

    def enumerate_support(self):
        """All values that there are."""
        return np.arange(np.shape(self._weights)[-1])

    @property
    def mean(self):
        return self._probs @ self.enumerate_support()

    @property
    def variance(self):
        k = self.enumerate_support()
        return self._probs @ k**2 - (self._probs @ k) ** 2

    def entropy(self):
        if self.probs is None:
            mean_logit = np.sum(softmax(self.logits, axis=-1) * self.logits, axis=-1)
            return logsumexp(self.logits, axis=-1) - mean_logit
        return -np.sum(xlogy(self.probs, self.probs), axis=-1)


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
