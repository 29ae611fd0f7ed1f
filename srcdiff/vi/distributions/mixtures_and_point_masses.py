"""Distributions that are built from other distributions, point masses, and improper flat densities."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

from srcdiff.vi.distributions.base import Distribution
from srcdiff.vi.distributions.supports import constraints


class Independent(Distribution):
    """The distribution `base_dist` with the last `reinterpreted_batch_ndims` axes of its batch as part of one event."""

    def __init__(self, base_dist, reinterpreted_batch_ndims):
        self.base_dist = base_dist
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    @property
    def noise(self):
        return self.base_dist.noise

    @property
    def support(self):
        return constraints.independent(self.base_dist.support, self.reinterpreted_batch_ndims)

    @property
    def batch_shape(self):
        whole = self.base_dist.batch_shape
        return whole[: len(whole) - self.reinterpreted_batch_ndims]

    @property
    def event_shape(self):
        whole = self.base_dist.batch_shape
        return (
            *whole[len(whole) - self.reinterpreted_batch_ndims :],
            *self.base_dist.event_shape,
        )

    def _axes(self):
        return tuple(range(-self.reinterpreted_batch_ndims, 0))

    def log_density(self, value):
        return np.sum(self.base_dist.log_density(value), axis=self._axes())

    def sample(self, rng, shape=()):
        return self.base_dist.sample(rng, shape)

    def noise_shape(self, shape=()):
        return self.base_dist.noise_shape(shape)

    def from_noise(self, eps):
        return self.base_dist.from_noise(eps)

    @property
    def mean(self):
        return self.base_dist.mean

    @property
    def variance(self):
        return self.base_dist.variance

    def entropy(self):
        return np.sum(self.base_dist.entropy(), axis=self._axes())

    def validate(self, where=""):
        self.base_dist.validate(where)
        count = len(self.base_dist.batch_shape)
        if self.reinterpreted_batch_ndims > count:
            raise ValueError(
                f"{where}Independent: {self.reinterpreted_batch_ndims} axes of a batch that has {count}"
            )


class Delta(Distribution):
    """A point mass at `v`, with mass 1 or, as a term of a density, exp(`log_density`)."""

    def __init__(self, v=0.0, log_density=0.0, event_dim=0):
        self.v = v
        self.log_weight = log_density
        self.event_axes = event_dim

    @property
    def support(self):
        return constraints.independent(constraints.real, self.event_axes)

    noise = "normal"  # a draw takes none of it

    @property
    def batch_shape(self):
        return np.shape(self.v)[: np.ndim(self.v) - self.event_axes]

    @property
    def event_shape(self):
        return np.shape(self.v)[np.ndim(self.v) - self.event_axes :]

    def log_density(self, value):
        is_there = value == self.v
        if self.event_axes > 0:
            is_there = np.all(is_there, axis=tuple(range(-self.event_axes, 0)))
        return np.where(is_there, self.log_weight, -np.inf)

    def sample(self, rng, shape=()):
        return np.array(np.broadcast_to(self.v, self.shape(shape)))

    def noise_shape(self, shape=()):
        return self.shape(shape)

    def from_noise(self, eps):
        return self.v + np.zeros(np.shape(eps))

    @property
    def mean(self):
        return self.v

    @property
    def variance(self):
        return np.zeros(np.shape(self.v))


class ImproperUniform(Distribution):
    """The improper uniform distribution: density 1 everywhere in `support`. There are no draws."""

    def __init__(self, support, batch_shape=(), event_shape=()):
        self.support = support
        self._batch_shape = batch_shape
        self._event_shape = event_shape

    @property
    def batch_shape(self):
        return self._batch_shape

    @property
    def event_shape(self):
        return self._event_shape

    def log_density(self, value):
        count = np.ndim(value) - len(self._event_shape)
        return 0.0 if count == 0 else np.zeros(np.shape(value)[:count])

    def sample(self, rng, shape=()):
        raise TypeError("ImproperUniform is no probability distribution: there are no draws")


class MixtureSameFamily(Distribution):
    """A mixture of one family: the components are the last axis of the batch of `component_distribution`, with the
    weights of `mixing_distribution`, a Categorical.
    """

    def __init__(self, mixing_distribution, component_distribution):
        self.mixing_distribution = mixing_distribution
        self.component_distribution = component_distribution

    @property
    def support(self):
        return self.component_distribution.support

    @property
    def batch_shape(self):
        return self.component_distribution.batch_shape[:-1]

    @property
    def event_shape(self):
        return self.component_distribution.event_shape

    def log_density(self, value):
        event_dim = self.component_distribution.event_dim
        each = self.component_distribution.log_prob(np.expand_dims(value, -1 - event_dim))
        return logsumexp(self.mixing_distribution.log_weights + each, axis=-1)

    def _average(self, x):
        """The average over the components of one number for each; event axes are last."""
        weights = np.exp(self.mixing_distribution.log_weights)
        axes = tuple(range(-len(self.event_shape), 0))
        return np.sum(np.expand_dims(weights, axes) * x, axis=-1 - len(self.event_shape))

    def sample(self, rng, shape=()):
        whole = self.shape(shape)
        count = len(whole) - len(self.event_shape)
        which = self.mixing_distribution.sample(
            rng, whole[: count - len(self.mixing_distribution.batch_shape)]
        )
        draws = self.component_distribution.sample(rng, whole[: count - len(self.batch_shape)])
        which = np.expand_dims(
            np.broadcast_to(which, whole[:count]), tuple(range(count, draws.ndim))
        )
        which = np.broadcast_to(which, (*whole[:count], 1, *self.event_shape))
        return np.squeeze(np.take_along_axis(draws, which, axis=count), axis=count)

    @property
    def mean(self):
        return self._average(self.component_distribution.mean)

    @property
    def variance(self):
        component = self.component_distribution
        return self._average(component.variance + component.mean**2) - self.mean**2

    def validate(self, where=""):
        self.mixing_distribution.validate(where)
        self.component_distribution.validate(where)
        count = self.mixing_distribution.log_weights.shape[-1]
        if self.component_distribution.batch_shape[-1:] != (count,):
            raise ValueError(
                f"{where}MixtureSameFamily: {count} weights, and components of batch_shape "
                f"{self.component_distribution.batch_shape}"
            )


class Mixture(Distribution):
    """A mixture of `component_distributions`, a list, with the weights of `mixing_distribution` (a Categorical)."""

    def __init__(self, mixing_distribution, component_distributions):
        self.mixing_distribution = mixing_distribution
        self.component_distributions = component_distributions

    @property
    def support(self):
        return self.component_distributions[0].support

    @property
    def batch_shape(self):
        return np.broadcast_shapes(*(d.batch_shape for d in self.component_distributions))

    @property
    def event_shape(self):
        return self.component_distributions[0].event_shape

    def log_density(self, value):
        each = np.stack([d.log_prob(value) for d in self.component_distributions], axis=-1)
        return logsumexp(self.mixing_distribution.log_weights + each, axis=-1)

    def _average(self, numbers):
        weights = np.exp(self.mixing_distribution.log_weights)
        axes = tuple(range(-len(self.event_shape), 0))
        return sum(np.expand_dims(weights[..., k], axes) * x for k, x in enumerate(numbers))

    def sample(self, rng, shape=()):
        whole = self.shape(shape)
        count = len(whole) - len(self.event_shape)
        which = self.mixing_distribution.sample(
            rng, whole[: count - len(self.mixing_distribution.batch_shape)]
        )
        which = np.expand_dims(
            np.broadcast_to(which, whole[:count]), tuple(range(count, len(whole)))
        )
        value = np.zeros(whole)
        for k, d in enumerate(self.component_distributions):
            draws = d.sample(rng, whole[: count - len(d.batch_shape)])
            value = np.where(which == k, draws, value)
        return value

    @property
    def mean(self):
        return self._average([d.mean for d in self.component_distributions])

    @property
    def variance(self):
        squares = [d.variance + d.mean**2 for d in self.component_distributions]
        return self._average(squares) - self.mean**2

    def validate(self, where=""):
        self.mixing_distribution.validate(where)
        for d in self.component_distributions:
            d.validate(where)
        weights, count = (
            self.mixing_distribution.log_weights.shape[-1],
            len(self.component_distributions),
        )
        if weights != count:
            raise ValueError(f"{where}Mixture: {weights} weights for {count} components")
