"""Where values and parameters may lie, and the maps from all of R^n onto there.

A constraint is a set with its bijector. `constrain(u)` gives a point of the set for any finite `u`: where doubles run
out, the last one inside. `unconstrain(x)` is its inverse, and `log_abs_det_jacobian(u)` has the shape of `x` without
its event axes. All are plain NumPy, and are read in place in what is differentiated.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, logit

__all__ = [
    "Constraint", "at_least", "between", "boolean", "circular", "corr_cholesky", "greater_than", "independent",
    "integer_greater_than", "integer_interval", "interval", "less_than", "lower_cholesky", "multinomial",
    "nonnegative", "nonnegative_integer", "one_hot", "positive", "positive_definite", "positive_integer",
    "positive_vector", "real", "real_matrix", "real_vector", "sign", "simplex", "unit_interval",
]  # fmt: skip

Shape = tuple[int, ...]

_LARGEST = 700.0  # exp(700) and exp(-700) are doubles with all their digits
_NEXT_TO_ONE = 1.0 - 2.0**-53
_FLATTEST = 18.0  # tanh(18) is below 1
_EPS = 2.0**-52
_SMALLEST = 2.0**-1022


class Constraint:
    """A set of numbers, or of arrays with `event_dim` axes.

    Attributes
    ----------
    name : str
        What error messages call it: "positive".
    event_dim : int
        How many axes one point has.
    is_discrete : bool
        Whether its points are integers; there is no bijector then.
    everywhere : bool
        Whether all finite arrays are inside.
    """

    name: Any = ""
    event_dim = 0
    is_discrete = False
    everywhere = False

    def contains(self, x):
        """Whether `x` is inside: truth values, of the shape of `x` without its event axes."""
        raise NotImplementedError

    def inside(self, x, where):
        """`x` where it is inside, as `where` says, and elsewhere a point that is."""
        return np.where(where, x, self.some(x))

    def some(self, x):
        """A point of the set."""
        raise NotImplementedError

    def constrain(self, u):
        """The point for `u`."""
        raise TypeError(f"{self.name} values cannot be made of real numbers")

    def unconstrain(self, x):
        """The `u` that `constrain` takes to `x`."""
        raise TypeError(f"{self.name} values cannot be made of real numbers")

    def log_abs_det_jacobian(self, u):
        """Log |det d constrain(u) / du|."""
        raise TypeError(f"{self.name} values cannot be made of real numbers")

    def unconstrained_shape(self, shape: Shape) -> Shape:
        """The shape of `u` for points of this shape."""
        return shape

    def __repr__(self) -> str:
        return f"<constraint: {self.name}>"


# ---- the real numbers and parts of them --------------------------------------------------------------------------


class _Real(Constraint):
    name = "real"
    everywhere = True

    def contains(self, x):
        return np.isfinite(x)

    def some(self, x):
        return 0.0

    def constrain(self, u):
        return u

    def unconstrain(self, x):
        return x

    def log_abs_det_jacobian(self, u):
        return np.zeros(np.shape(u))


class _RealVector(_Real):
    name = "a vector of real numbers"
    event_dim = 1

    def contains(self, x):
        return np.all(np.isfinite(x), axis=-1)

    def log_abs_det_jacobian(self, u):
        return np.zeros(np.shape(u)[:-1])


class _RealMatrix(_Real):
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
        return np.exp(np.clip(u, -_LARGEST, _LARGEST))

    def unconstrain(self, x):
        return np.log(x)

    def log_abs_det_jacobian(self, u):
        return np.sum(u, axis=-1)


class _Positive(Constraint):
    """Above 0: exp(u)."""

    name = "positive"

    def contains(self, x):
        return (x > 0.0) & (x < np.inf)

    def some(self, x):
        return 1.0

    def constrain(self, u):
        return np.exp(np.clip(u, -_LARGEST, _LARGEST))

    def unconstrain(self, x):
        return np.log(x)

    def log_abs_det_jacobian(self, u):
        return u


class _Nonnegative(_Positive):
    """As positive numbers, and 0."""

    name = "not negative"

    def contains(self, x):
        return (x >= 0.0) & (x < np.inf)


class greater_than(Constraint):
    """Above `lower`: lower + exp(u)."""

    def __init__(self, lower):
        self.lower = lower

    @property
    def name(self):
        return f"greater than {self.lower}"

    def contains(self, x):
        return (x > self.lower) & (x < np.inf)

    def some(self, x):
        return self.lower + 1.0

    def constrain(self, u):
        above = np.exp(np.clip(u, -_LARGEST, _LARGEST))
        return self.lower + np.maximum(above, _EPS * np.abs(self.lower))

    def unconstrain(self, x):
        return np.log(x - self.lower)

    def log_abs_det_jacobian(self, u):
        return u


class at_least(greater_than):
    """`lower` and above."""

    @property
    def name(self):
        return f"at least {self.lower}"

    def contains(self, x):
        return (x >= self.lower) & (x < np.inf)


class less_than(Constraint):
    """Below `upper`: upper - exp(u)."""

    def __init__(self, upper):
        self.upper = upper

    @property
    def name(self):
        return f"less than {self.upper}"

    def contains(self, x):
        return (x < self.upper) & (x > -np.inf)

    def some(self, x):
        return self.upper - 1.0

    def constrain(self, u):
        below = np.exp(np.clip(u, -_LARGEST, _LARGEST))
        return self.upper - np.maximum(below, _EPS * np.abs(self.upper))

    def unconstrain(self, x):
        return np.log(self.upper - x)

    def log_abs_det_jacobian(self, u):
        return u


class _UnitInterval(Constraint):
    """Between 0 and 1: 1 / (1 + exp(-u)). The ends are inside, and are never made."""

    name = "in [0, 1]"

    def contains(self, x):
        return (x >= 0.0) & (x <= 1.0)

    def some(self, x):
        return 0.5

    def constrain(self, u):
        return np.clip(expit(u), _SMALLEST, _NEXT_TO_ONE)

    def unconstrain(self, x):
        return logit(x)

    def log_abs_det_jacobian(self, u):
        return -np.logaddexp(0.0, u) - np.logaddexp(0.0, -u)


class interval(Constraint):
    """Between `lower` and `upper`: lower + (upper - lower) / (1 + exp(-u)). The ends are inside."""

    def __init__(self, lower, upper):
        self.lower = lower
        self.upper = upper

    @property
    def name(self):
        return f"in [{self.lower}, {self.upper}]"

    def contains(self, x):
        return (x >= self.lower) & (x <= self.upper)

    def some(self, x):
        return 0.5 * (self.lower + self.upper)

    def constrain(self, u):
        x = self.lower + (self.upper - self.lower) * expit(u)
        return np.clip(x, self.lower, self.upper)

    def unconstrain(self, x):
        return logit((x - self.lower) / (self.upper - self.lower))

    def log_abs_det_jacobian(self, u):
        return np.log(self.upper - self.lower) - np.logaddexp(0.0, u) - np.logaddexp(0.0, -u)


def between(lower, upper):
    """The numbers between two, either of which may be None."""
    if lower is None:
        return real if upper is None else less_than(upper)
    return greater_than(lower) if upper is None else interval(lower, upper)


# ---- whole numbers ---------------------------------------------------------------------------------------------------


class _Discrete(Constraint):
    is_discrete = True


class _Boolean(_Discrete):
    name = "0 or 1"

    def contains(self, x):
        return (x == 0) | (x == 1)

    def some(self, x):
        return 0


class _Sign(_Discrete):
    name = "-1 or 1"

    def contains(self, x):
        return (x == -1) | (x == 1)

    def some(self, x):
        return 1


class integer_interval(_Discrete):
    """The whole numbers from `lower` to `upper`."""

    def __init__(self, lower, upper):
        self.lower = lower
        self.upper = upper

    @property
    def name(self):
        return f"a whole number from {self.lower} to {self.upper}"

    def contains(self, x):
        return (x >= self.lower) & (x <= self.upper) & (x == np.floor(x))

    def some(self, x):
        return self.lower


class integer_greater_than(_Discrete):
    """The whole numbers from `lower` on."""

    def __init__(self, lower):
        self.lower = lower

    @property
    def name(self):
        return f"a whole number from {self.lower} on"

    def contains(self, x):
        return (x >= self.lower) & (x == np.floor(x)) & (x < np.inf)

    def some(self, x):
        return self.lower


# ---- vectors -----------------------------------------------------------------------------------------------------------


class _Simplex(Constraint):
    """Positive numbers that add up to 1, by breaking a stick: u has one number less.

    The k-th of K pieces takes expit(u_k - log(K - k)) of what is left, so that u = 0 is the centre (Stan Reference
    Manual, "Unit simplex").
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
        log_left = np.cumsum(-np.logaddexp(0.0, t), axis=-1)  # of the stick, after each piece
        ends = np.zeros((*u.shape[:-1], 1))
        log_before = np.concatenate((ends, log_left), axis=-1)
        log_taken = np.concatenate((-np.logaddexp(0.0, -t), ends), axis=-1)
        return np.exp(np.maximum(log_before + log_taken, -_LARGEST))

    def unconstrain(self, x):
        left = np.flip(np.cumsum(np.flip(x, axis=-1), axis=-1), axis=-1)[..., 1:]
        return np.log(x[..., :-1]) - np.log(left) + np.log(np.arange(left.shape[-1], 0, -1))

    def log_abs_det_jacobian(self, u):
        t = self._shifted(u)
        log_left = np.cumsum(-np.logaddexp(0.0, t), axis=-1)
        return np.sum(log_left - np.logaddexp(0.0, -t), axis=-1)

    def unconstrained_shape(self, shape: Shape) -> Shape:
        return (*shape[:-1], shape[-1] - 1)


class _WholeVector(_Discrete):
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
    """Points whose last axes, `count` beyond those of a point of `base`, are one point here."""

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

    def unconstrained_shape(self, shape: Shape) -> Shape:
        return self.base.unconstrained_shape(shape)


# ---- matrices ----------------------------------------------------------------------------------------------------------


def _lower(u):
    """The lower triangular matrices (..., K, K) whose rows are in `u` (..., K (K + 1) / 2)."""
    size = int((np.shape(u)[-1] * 2) ** 0.5)
    rows, columns = np.tril_indices(size)
    full = np.zeros((*np.shape(u)[:-1], size, size))
    full[..., rows, columns] = u
    return full


def _diagonal(u):
    return np.diagonal(_lower(u), axis1=-2, axis2=-1)


class _LowerCholesky(Constraint):
    """Lower triangular matrices with a positive diagonal: exp on the diagonal, the rows in a vector."""

    name = "lower triangular with a positive diagonal"
    event_dim = 2

    def contains(self, x):
        diagonal = np.diagonal(x, axis1=-2, axis2=-1)
        return np.all(np.tril(x) == x, axis=(-2, -1)) & np.all(diagonal > 0.0, axis=-1)

    def inside(self, x, where):
        return np.where(np.expand_dims(where, (-2, -1)), x, np.eye(np.shape(x)[-1]))

    def constrain(self, u):
        L = _lower(u)
        eye = np.eye(L.shape[-1])
        return L * (1.0 - eye) + np.exp(np.clip(L, -_LARGEST, _LARGEST)) * eye

    def unconstrain(self, x):
        eye = np.eye(np.shape(x)[-1])
        L = x * (1.0 - eye) + np.log(np.where(eye == 1.0, x, 1.0))
        rows, columns = np.tril_indices(np.shape(x)[-1])
        return L[..., rows, columns]

    def log_abs_det_jacobian(self, u):
        return np.sum(_diagonal(u), axis=-1)

    def unconstrained_shape(self, shape: Shape) -> Shape:
        return (*shape[:-2], shape[-1] * (shape[-1] + 1) // 2)


class _PositiveDefinite(_LowerCholesky):
    """Symmetric positive definite matrices: L Lᵀ of such an L."""

    name = "symmetric and positive definite"

    def contains(self, x):
        symmetric = np.all(
            np.abs(x - np.swapaxes(x, -1, -2))
            <= 1e-8 * np.max(np.abs(x), axis=(-2, -1), keepdims=True),
            axis=(-2, -1),
        )
        return symmetric & np.all(np.linalg.eigvalsh(x) > 0.0, axis=-1)

    def constrain(self, u):
        L = super().constrain(u)
        return L @ np.swapaxes(L, -1, -2)

    def unconstrain(self, x):
        return super().unconstrain(np.linalg.cholesky(x))

    def log_abs_det_jacobian(self, u):
        # d(L Lᵀ) / dL has 2 L_kk^(K - k) for the k-th column, k from 0 on, and L_kk = exp(u_kk)
        logs = _diagonal(u)
        K = logs.shape[-1]
        return K * np.log(2.0) + np.sum(np.arange(K + 1, 1, -1) * logs, axis=-1)


class _CorrCholesky(Constraint):
    """Cholesky factors of correlation matrices: lower triangular, each row of length 1, positive diagonal.

    Row i has i numbers tanh(u), of which each takes its share of the length that is left (Stan Reference Manual,
    "Cholesky factors of correlation matrices").
    """

    name = "the Cholesky factor of a correlation matrix"
    event_dim = 2

    def contains(self, x):
        diagonal = np.diagonal(x, axis1=-2, axis2=-1)
        is_lower = np.all(np.tril(x) == x, axis=(-2, -1)) & np.all(diagonal > 0.0, axis=-1)
        return is_lower & np.all(np.abs(np.sum(x**2, axis=-1) - 1.0) < 1e-6, axis=-1)

    def inside(self, x, where):
        return np.where(np.expand_dims(where, (-2, -1)), x, np.eye(np.shape(x)[-1]))

    def constrain(self, u):
        u = _strictly_lower(np.clip(u, -_FLATTEST, _FLATTEST))
        log_left = np.cumsum(-_log_cosh(u), axis=-1)  # of the length, after each number
        before = np.concatenate((np.zeros((*u.shape[:-1], 1)), log_left[..., :-1]), axis=-1)
        eye = np.eye(u.shape[-1])
        return (np.tanh(u) + eye) * np.exp(np.maximum(before, -_LARGEST))

    def unconstrain(self, x):
        squares = np.cumsum(x**2, axis=-1)[..., :-1]
        left = np.sqrt(np.maximum(1.0 - squares, _SMALLEST))
        before = np.concatenate((np.ones((*np.shape(x)[:-1], 1)), left), axis=-1)
        rows, columns = np.tril_indices(np.shape(x)[-1], -1)
        return np.arctanh(x[..., rows, columns] / before[..., rows, columns])

    def log_abs_det_jacobian(self, u):
        u = _strictly_lower(u)
        log_left = np.cumsum(-_log_cosh(u), axis=-1)
        before = np.concatenate((np.zeros((*u.shape[:-1], 1)), log_left[..., :-1]), axis=-1)
        below = np.tril(np.ones(u.shape[-2:]), -1)
        return np.sum(below * (before - 2.0 * _log_cosh(u)), axis=(-2, -1))

    def unconstrained_shape(self, shape: Shape) -> Shape:
        return (*shape[:-2], shape[-1] * (shape[-1] - 1) // 2)


def _strictly_lower(u):
    """The matrices (..., K, K) whose rows below the diagonal are in `u` (..., K (K - 1) / 2)."""
    size = int((np.shape(u)[-1] * 2) ** 0.5) + 1
    rows, columns = np.tril_indices(size, -1)
    full = np.zeros((*np.shape(u)[:-1], size, size))
    full[..., rows, columns] = u
    return full


def _log_cosh(x):
    return np.logaddexp(x, -x) - np.log(2.0)


real = _Real()
real_vector = _RealVector()
circular = interval(-np.pi, np.pi)
positive = _Positive()
nonnegative = _Nonnegative()
unit_interval = _UnitInterval()
boolean = _Boolean()
sign = _Sign()
nonnegative_integer = integer_greater_than(0)
positive_integer = integer_greater_than(1)
simplex = _Simplex()
one_hot = _OneHot()
real_matrix = _RealMatrix()
corr_cholesky = _CorrCholesky()
positive_vector = _PositiveVector()
lower_cholesky = _LowerCholesky()
positive_definite = _PositiveDefinite()
