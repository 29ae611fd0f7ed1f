"""Constraints: sets in which values and parameters may lie, with bijectors from R^n onto these sets.

A constraint is a set with its bijector. `constrain(u)` gives a point of the set for any finite `u`; where doubles run
out, it gives the last double inside. `unconstrain(x)` is the inverse, and `log_abs_det_jacobian(u)` has the shape of
`x` without its event axes. All are plain NumPy, which the compiler reads in the place of the call.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, logit

Shape = tuple[int, ...]

LARGEST = 700.0  # exp(700) and exp(-700) are doubles with all their digits
_NEXT_TO_ONE = 1.0 - 2.0**-53
_EPS = 2.0**-52
SMALLEST = 2.0**-1022


class Constraint:
    """A set of numbers, or of arrays with `event_dim` axes.

    Attributes
    ----------
    name : str
        The name in error messages, such as "positive".
    event_dim : int
        The number of axes of one point.
    is_discrete : bool
        Whether its points are integers; there is no bijector then.
    everywhere : bool
        Whether all finite arrays are inside.
    is_sized : bool
        Whether `constrain` and `log_abs_det_jacobian` also take the number of rows of a point.
    """

    name: Any = ""
    event_dim: Any = 0
    is_discrete: Any = False
    everywhere: Any = False
    is_sized: Any = False

    def contains(self, x):
        """Whether `x` is inside: truth values, of the shape of `x` without its event axes."""
        raise NotImplementedError

    def inside(self, x, where):
        """`x` if it is inside, as `where` says, and otherwise a point that is inside."""
        return np.where(where, x, self.some(x))

    def some(self, x):
        """A point of the set."""
        raise NotImplementedError

    def constrain(self, u):
        """The point for the unconstrained `u`."""
        raise TypeError(f"{self.name} values cannot be made of real numbers")

    def unconstrain(self, x):
        """The unconstrained `u` that `constrain` maps to `x`."""
        raise TypeError(f"{self.name} values cannot be made of real numbers")

    def log_abs_det_jacobian(self, u):
        """Log |det d constrain(u) / du|."""
        raise TypeError(f"{self.name} values cannot be made of real numbers")

    def unconstrained_shape(self, shape: Shape) -> Shape:
        """The shape of `u` for points of this shape."""
        return shape

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return False
        own, others = vars(self), vars(other)
        return own.keys() == others.keys() and all(np.array_equal(own[k], others[k]) for k in own)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"<constraint: {self.name}>"


# ---- the real numbers and parts of them --------------------------------------------------------------------------


class Real(Constraint):
    """The real numbers: the bijector is the identity."""

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


class _Positive(Constraint):
    """Above 0: exp(u)."""

    name = "positive"

    def contains(self, x):
        return (x > 0.0) & (x < np.inf)

    def some(self, x):
        return 1.0

    def constrain(self, u):
        return np.exp(np.clip(u, -LARGEST, LARGEST))

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
        above = np.exp(np.clip(u, -LARGEST, LARGEST))
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
        below = np.exp(np.clip(u, -LARGEST, LARGEST))
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
        return np.clip(expit(u), SMALLEST, _NEXT_TO_ONE)

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


class _Circular(interval):
    @property
    def name(self):
        return "an angle in [-pi, pi]"


def between(lower, upper):
    """The numbers between two limits, either of which may be None."""
    if lower is None:
        return real if upper is None else less_than(upper)
    return greater_than(lower) if upper is None else interval(lower, upper)


# ---- whole numbers ---------------------------------------------------------------------------------------------------


class Discrete(Constraint):
    """A set of integers, which has no bijector."""

    is_discrete = True


class _Boolean(Discrete):
    name = "0 or 1"

    def contains(self, x):
        return (x == 0) | (x == 1)

    def some(self, x):
        return 0


class _Sign(Discrete):
    name = "-1 or 1"

    def contains(self, x):
        return (x == -1) | (x == 1)

    def some(self, x):
        return 1


class integer_interval(Discrete):
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


class integer_greater_than(Discrete):
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


real = Real()
circular = _Circular(-np.pi, np.pi)
positive = _Positive()
nonnegative = _Nonnegative()
unit_interval = _UnitInterval()
boolean = _Boolean()
sign = _Sign()
nonnegative_integer = integer_greater_than(0)
positive_integer = integer_greater_than(1)
