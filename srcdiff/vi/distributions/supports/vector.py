"""Supports of vectors, with their bijectors, and of several values that form one event."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.vi.distributions.supports.scalar import LARGEST, Constraint, Discrete, Real, Shape


class _RealVector(Real):
    name = "a vector of real numbers"
    event_dim = 1

    def contains(self, x):
        return np.all(np.isfinite(x), axis=-1)

    def log_abs_det_jacobian(self, u):
        return np.zeros(np.shape(u)[:-1])


class _RealMatrix(Real):
    name = "a matrix of real numbers"
    event_dim = 2

    def contains(self, x):
        return np.all(np.isfinite(x), axis=(-2, -1))

    def log_abs_det_jacobian(self, u):
        return np.zeros(np.shape(u)[:-2])


class _PositiveVector(Constraint):
    name = "a vector of positive numbers"
    event_dim = 1

    def contains(self, x):
        return np.all((x > 0.0) & (x < np.inf), axis=-1)

    def inside(self, x, where):
        return np.where(np.expand_dims(where, -1), x, 1.0)

    def constrain(self, u):
        return np.exp(np.clip(u, -LARGEST, LARGEST))

    def unconstrain(self, x):
        return np.log(x)

    def log_abs_det_jacobian(self, u):
        return np.sum(u, axis=-1)


class _Simplex(Constraint):
    """Positive numbers that add up to 1, by stick-breaking: u has one number less.

    The k-th of K pieces takes expit(u_k - log(K - k)) of the rest of the stick, so that u = 0 is the centre (Stan
    Reference Manual, "Unit simplex").
    """

    name = "positive numbers that add up to 1"
    event_dim = 1

    def contains(self, x):
        return np.all(x >= 0.0, axis=-1) & (np.abs(np.sum(x, axis=-1) - 1.0) < 1e-6)

    def inside(self, x, where):
        return np.where(np.expand_dims(where, -1), x, 1.0 / x.shape[-1])

    def _shifted(self, u):
        return u - np.log(np.arange(u.shape[-1], 0, -1))

    def constrain(self, u):
        t = self._shifted(u)
        log_left = np.cumsum(-np.logaddexp(0.0, t), axis=-1)  # log of the stick left after each
        ends = np.zeros((*u.shape[:-1], 1))
        log_before = np.concatenate((ends, log_left), axis=-1)
        log_taken = np.concatenate((-np.logaddexp(0.0, -t), ends), axis=-1)
        return np.exp(np.maximum(log_before + log_taken, -LARGEST))

    def unconstrain(self, x):
        left = np.flip(np.cumsum(np.flip(x, axis=-1), axis=-1), axis=-1)[..., 1:]
        return np.log(x[..., :-1]) - np.log(left) + np.log(np.arange(left.shape[-1], 0, -1))

    def log_abs_det_jacobian(self, u):
        t = self._shifted(u)
        log_left = np.cumsum(-np.logaddexp(0.0, t), axis=-1)
        return np.sum(log_left - np.logaddexp(0.0, -t), axis=-1)

    def unconstrained_shape(self, shape: Shape) -> Shape:
        return (*shape[:-1], shape[-1] - 1)


class _WholeVector(Discrete):
    event_dim = 1

    def inside(self, x, where):
        return np.where(np.expand_dims(where, -1), x, 0)


class _OneHot(_WholeVector):
    name = "one 1 among zeros"

    def contains(self, x):
        return np.all((x == 0) | (x == 1), axis=-1) & (np.sum(x, axis=-1) == 1)


class multinomial(_WholeVector):
    """Whole numbers that add up to `total`."""

    def __init__(self, total):
        self.total = total

    @property
    def name(self):
        return f"whole numbers that add up to {self.total}"

    def contains(self, x):
        whole = np.all((x >= 0) & (x == np.floor(x)), axis=-1)
        return whole & (np.sum(x, axis=-1) == self.total)


class independent(Constraint):
    """Points of `base` with `count` more axes, which form one point here."""

    def __init__(self, base, count):
        self.base = base
        self.count = count

    @property
    def name(self):
        return self.base.name

    @property
    def event_dim(self):
        return self.base.event_dim + self.count

    @property
    def is_discrete(self):
        return self.base.is_discrete

    @property
    def everywhere(self):
        return self.base.everywhere

    def _axes(self):
        return tuple(range(-self.count, 0))

    def contains(self, x):
        return np.all(self.base.contains(x), axis=self._axes())

    def inside(self, x, where):
        return self.base.inside(x, np.expand_dims(where, self._axes()))

    def constrain(self, u):
        return self.base.constrain(u)

    def unconstrain(self, x):
        return self.base.unconstrain(x)

    def log_abs_det_jacobian(self, u):
        return np.sum(self.base.log_abs_det_jacobian(u), axis=self._axes())

    def unconstrained_shape(self, shape: Shape) -> Any:
        return self.base.unconstrained_shape(shape)


real_vector = _RealVector()
simplex = _Simplex()
one_hot = _OneHot()
real_matrix = _RealMatrix()
positive_vector = _PositiveVector()
