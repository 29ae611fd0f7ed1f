"""Distributions of probabilities."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, gammaincinv, gammaln, softmax, xlogy

from srcdiff.vi.distributions.base import Distribution
from srcdiff.vi.distributions.supports import constraints


class Dirichlet(Distribution):
    """The Dirichlet distribution of probability vectors (..., K), with weights `concentration` (..., K)."""

    arg_constraints = {"concentration": constraints.positive_vector}
    support = constraints.simplex
    noise = "uniform"

    def __init__(self, concentration):
        self.concentration = concentration

    @property
    def event_shape(self):
        return np.shape(self.concentration)[-1:]

    def log_density(self, value):
        a = self.concentration
        log_norm = np.sum(gammaln(a), axis=-1) - gammaln(np.sum(a, axis=-1))
        return np.sum(xlogy(a - 1.0, value), axis=-1) - log_norm

    def noise_shape(self, shape=()):
        return (*self.shape(shape), 2)

    def from_noise(self, eps):
        # a Gamma(a) number is a Gamma(a + 1) number times u**(1 / a): for small `a`, all may underflow
        log_gamma = np.log(gammaincinv(self.concentration + 1.0, eps[..., 0]))
        return softmax(log_gamma + np.log(eps[..., 1]) / self.concentration, axis=-1)

    def sample(self, rng, shape=()):
        a = np.broadcast_to(self.concentration, self.shape(shape))
        return softmax(np.log(rng.gamma(a + 1.0)) + np.log(1.0 - rng.random(a.shape)) / a, axis=-1)

    @property
    def mean(self):
        return self.concentration / np.sum(self.concentration, axis=-1, keepdims=True)

    @property
    def variance(self):
        total = np.sum(self.concentration, axis=-1, keepdims=True)
        mean = self.concentration / total
        return mean * (1.0 - mean) / (total + 1.0)

    def natural_parameters(self):
        return (self.concentration - 1.0,)

    def sufficient_statistics(self, value):
        return (np.log(value),)

    def log_normalizer(self):
        a = self.concentration
        return np.sum(gammaln(a), axis=-1) - gammaln(np.sum(a, axis=-1))

    def log_base_measure(self, value):
        return np.zeros(np.shape(value)[:-1])

    def entropy(self):
        a = self.concentration
        total = np.sum(a, axis=-1)
        log_norm = np.sum(gammaln(a), axis=-1) - gammaln(total)
        mean_logs = np.sum((a - 1.0) * digamma(a), axis=-1)
        return log_norm + (total - np.shape(a)[-1]) * digamma(total) - mean_logs
