"""Optimisers: `init(params)` gives a state, `step(params, grads, state)` gives new parameters and a new state.

Parameters are any structure of numbers and arrays (named tuples, dicts, lists). Gradients, and the parts of a state
that belong to parameters, have the same structure. Nothing is written in place. A step goes *down* the gradient; with
`maximize=True` it goes up.

`LBFGS` has no such steps: it is SciPy's, on one fixed set of draws, and `vi.fit` runs it as a whole.
"""

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple

import numpy as np

from srcdiff.vi.inference.learning_rates import (
    Exponential,
    Rate,
    check_fraction,
    check_positive,
    warn_about_schedule,
)
from srcdiff.vi.model.pytree import P, Pytree, flatten, map_leaves


@dataclass(frozen=True)
class _Optimizer:
    """The base class: the direction of steps. A subclass has `init(params)` and `step(params, grads, state)`."""

    _: KW_ONLY
    maximize: bool = False

    @property
    def _down(self) -> float:
        return 1.0 if self.maximize else -1.0


def _zeros(params: Pytree) -> Pytree:
    return map_leaves(lambda p: np.zeros_like(np.asarray(p, float)) if np.ndim(p) else 0.0, params)


def _unzip(trees: object, like: Pytree, n: int) -> tuple[Any, ...]:
    """From a tree whose leaves are lists of n items, n trees of items."""
    return tuple(map_leaves(lambda _, found, k=k: found[k], like, trees) for k in range(n))


class _Leaf:
    """Several results in the place of a leaf; `map_leaves` does not descend into it."""

    __slots__ = ("items",)

    def __init__(self, *items: object) -> None:
        self.items = items

    def __getitem__(self, k: int) -> Any:
        return self.items[k]


# ---- stochastic gradient steps ---------------------------------------------------


class StepState(NamedTuple):
    """The number of steps so far."""

    steps: int


@dataclass(frozen=True)
class SGD(_Optimizer):
    """theta <- theta - rate g.

    Parameters
    ----------
    rate : float or callable
        A number, or `rate(t)` of the step t = 1, 2, ... . A function that cannot satisfy the Robbins-Monro conditions
        (sum of the rates infinite, sum of their squares finite) gets a warning.
    """

    rate: Rate = 0.01

    def __post_init__(self) -> None:
        if callable(self.rate) and not isinstance(self.rate, Exponential):
            warn_about_schedule(self.rate)
        elif not callable(self.rate):
            check_positive("rate", self.rate)

    def init(self, params: Pytree) -> StepState:
        return StepState(0)

    def step(self, params: P, grads: P, state: StepState) -> tuple[P, StepState]:
        count = state.steps + 1
        rate = self._down * (self.rate(count) if callable(self.rate) else self.rate)
        return map_leaves(lambda p, g: p + rate * g, params, grads), StepState(count)


@dataclass(frozen=True)
class RobbinsMonro(_Optimizer):
    """theta <- theta - rate (t + delay)**-power g.

    With rate 1 and power 1 a quadratic loss gives the running mean. On a steep loss the iterates diverge at once: the
    rate must be below 2 over the largest curvature, because the first steps have the full rate.

    Raises
    ------
    ValueError
        If `power` is not in (1/2, 1]: below, the squares of the rates have no finite sum; above, the rates have one.

    References
    ----------
    Robbins and Monro (1951), A stochastic approximation method.
    """

    rate: float = 0.1
    power: float = 0.6
    delay: float = 0.0

    def __post_init__(self) -> None:
        check_positive("rate", self.rate)
        if not 0.5 < self.power <= 1.0:
            raise ValueError(
                f"RobbinsMonro: power={self.power} is outside (1/2, 1]: the rates t**-power must have an infinite sum, "
                "and their squares a finite one"
            )
        if self.delay < 0:
            raise ValueError(f"RobbinsMonro: delay={self.delay} is negative")

    def init(self, params: Pytree) -> StepState:
        return StepState(0)

    def step(self, params: P, grads: P, state: StepState) -> tuple[P, StepState]:
        count = state.steps + 1
        rate = self._down * self.rate * (count + self.delay) ** -self.power
        return map_leaves(lambda p, g: p + rate * g, params, grads), StepState(count)


# ---- momentum -----------------------------------------------------------------------


class MomentumState(NamedTuple):
    """The velocity, shaped like the parameters."""

    velocity: Any


@dataclass(frozen=True)
class Momentum(_Optimizer):
    """theta <- theta - rate v;  v <- momentum v + (1 - momentum) g: both from the values before the step.

    The updates are simultaneous, as Theano's: the parameters move by the *old* velocity, which begins at 0, so the
    first step leaves them unchanged. `simultaneous=False` moves by the new velocity.
    """

    rate: float = 0.01
    momentum: float = 0.9
    simultaneous: bool = True

    def __post_init__(self) -> None:
        check_positive("rate", self.rate)
        check_fraction("momentum", self.momentum)

    def init(self, params: Pytree) -> MomentumState:
        return MomentumState(_zeros(params))

    def step(self, params: P, grads: P, state: MomentumState) -> tuple[P, MomentumState]:
        keep, rate = self.momentum, self._down * self.rate
        velocity = map_leaves(lambda v, g: keep * v + (1.0 - keep) * g, state.velocity, grads)
        by = state.velocity if self.simultaneous else velocity
        return map_leaves(lambda p, v: p + rate * v, params, by), MomentumState(velocity)


# ---- a separate rate for each coordinate ---------------------------------------------


class SquareState(NamedTuple):
    """Sums of squared gradients, shaped like the parameters."""

    square: Any


@dataclass(frozen=True)
class AdaGrad(_Optimizer):
    """G <- G + g**2;  theta <- theta - rate g / (sqrt(G) + damping).

    References
    ----------
    Duchi, Hazan and Singer (2011), Adaptive subgradient methods.
    """

    rate: float = 0.1
    damping: float = 1e-8

    def __post_init__(self) -> None:
        check_positive("rate", self.rate)
        check_positive("damping", self.damping)

    def init(self, params: Pytree) -> SquareState:
        return SquareState(_zeros(params))

    def step(self, params: P, grads: P, state: SquareState) -> tuple[P, SquareState]:
        rate, damping = self._down * self.rate, self.damping
        square = map_leaves(lambda s, g: s + g**2, state.square, grads)
        new = map_leaves(
            lambda p, g, s: p + rate * g / (np.sqrt(s) + damping), params, grads, square
        )
        return new, SquareState(square)


class AdaDeltaState(NamedTuple):
    """Running means of squared gradients and of squared steps, shaped like the parameters."""

    square: Any
    moved: Any


@dataclass(frozen=True)
class AdaDelta(_Optimizer):
    """Steps of sqrt(E[step**2] + damping) / sqrt(E[g**2] + damping) g, with running means E whose decay is `decay`.

    References
    ----------
    Zeiler (2012), ADADELTA.
    """

    decay: float = 0.95
    damping: float = 1e-6
    rate: float = 1.0

    def __post_init__(self) -> None:
        check_fraction("decay", self.decay)
        check_positive("damping", self.damping)
        check_positive("rate", self.rate)

    def init(self, params: Pytree) -> AdaDeltaState:
        return AdaDeltaState(_zeros(params), _zeros(params))

    def step(self, params: P, grads: P, state: AdaDeltaState) -> tuple[P, AdaDeltaState]:
        def leaf(p: np.ndarray, g: np.ndarray, square: np.ndarray, moved: np.ndarray) -> _Leaf:
            square = self.decay * square + (1.0 - self.decay) * g**2
            step = np.sqrt(moved + self.damping) / np.sqrt(square + self.damping) * g
            moved = self.decay * moved + (1.0 - self.decay) * step**2
            return _Leaf(p + self._down * self.rate * step, square, moved)

        found = map_leaves(leaf, params, grads, state.square, state.moved)
        new, square, moved = _unzip(found, params, 3)
        return new, AdaDeltaState(square, moved)


class RMSPropState(NamedTuple):
    """The running mean of squared gradients, the factor by which each rate has grown, and the latest signs."""

    square: Any
    growth: Any
    sign: Any


@dataclass(frozen=True)
class RMSProp(_Optimizer):
    """r <- decay r + (1 - decay) g**2;  theta <- theta - rate g / sqrt(r).

    Parameters
    ----------
    rate, decay : float
    growth : float
        Each coordinate's rate is multiplied by 1 + growth, before the step, when its last two gradients have the same
        sign. It never shrinks, so a noisy gradient wants it small; 0, the default, is the ordinary method.
    damping : float
        Added to sqrt(r). Where r is 0 the coordinate stays.

    References
    ----------
    Tieleman and Hinton (2012), Lecture 6.5 of Neural Networks for Machine Learning.
    """

    rate: float = 0.01
    decay: float = 0.9
    growth: float = 0.0
    damping: float = 0.0

    def __post_init__(self) -> None:
        check_positive("rate", self.rate)
        check_fraction("decay", self.decay)
        if self.growth < 0 or self.damping < 0:
            raise ValueError("RMSProp: growth and damping cannot be negative")

    def init(self, params: Pytree) -> RMSPropState:
        ones = map_leaves(lambda z: z + 1.0, _zeros(params))
        return RMSPropState(_zeros(params), ones, _zeros(params))

    def step(self, params: P, grads: P, state: RMSPropState) -> tuple[P, RMSPropState]:
        def leaf(p: np.ndarray, g: Any, square: Any, growth: Any, sign: Any) -> _Leaf:
            square = self.decay * square + (1.0 - self.decay) * g**2
            growth = np.where(sign * np.sign(g) > 0, growth * (1.0 + self.growth), growth)
            root = np.sqrt(square) + self.damping
            step = self.rate * growth * g / np.where(root == 0.0, 1.0, root)
            return _Leaf(p + self._down * step, square, growth, np.sign(g))

        found = map_leaves(leaf, params, grads, *state)
        new, square, growth, sign = _unzip(found, params, 4)
        return new, RMSPropState(square, growth, sign)


class AdamState(NamedTuple):
    """The number of steps so far, and running means of gradients and of their squares."""

    steps: int
    mean: Any
    square: Any


@dataclass(frozen=True)
class Adam(_Optimizer):
    """m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g**2;  theta <- theta - rate m' / (sqrt(v') + damping).

    m' and v' are m / (1 - b1**t) and v / (1 - b2**t), which corrects the bias of first values 0.

    Parameters
    ----------
    rate : float or callable
        A number, or `rate(t)` of the step t = 1, 2, ... .

    References
    ----------
    Kingma and Ba (2015), Adam.
    """

    rate: Rate = 0.01
    b1: float = 0.9
    b2: float = 0.999
    damping: float = 1e-8

    def __post_init__(self) -> None:
        if not callable(self.rate):
            check_positive("rate", self.rate)
        check_fraction("b1", self.b1)
        check_fraction("b2", self.b2)
        check_positive("damping", self.damping)

    def init(self, params: Pytree) -> AdamState:
        return AdamState(0, _zeros(params), _zeros(params))

    def step(self, params: P, grads: P, state: AdamState) -> tuple[P, AdamState]:
        b1, b2, count = self.b1, self.b2, state.steps + 1
        # the two corrections as one factor each: a step is 12 operations on an array
        root = math.sqrt(1.0 - b2**count)
        rate = self._down * (self.rate(count) if callable(self.rate) else self.rate)
        rate *= root / (1.0 - b1**count)
        damping = self.damping * root
        mean = map_leaves(lambda m, g: b1 * m + (1.0 - b1) * g, state.mean, grads)
        square = map_leaves(lambda v, g: b2 * v + (1.0 - b2) * (g * g), state.square, grads)
        new = map_leaves(
            lambda p, m, v: p + rate * (m / (np.sqrt(v) + damping)), params, mean, square
        )
        return new, AdamState(count, mean, square)


# ---- a deterministic problem, as a whole ----------------------------------------------


@dataclass(frozen=True)
class LBFGS:
    """SciPy's L-BFGS on the bound with one fixed set of draws; `vi.fit(..., optimizer=vi.optim.LBFGS(draws=30))`.

    With the draws fixed the bound is a smooth function, and the same seed gives the same answer. The optimum is that of
    the sample, which overfits the draws if they are few: for a Gaussian with d coordinates, take more than d.

    Parameters
    ----------
    draws : int
        The number of fixed draws.
    gtol, ftol : float
        SciPy's tolerances.

    References
    ----------
    Giordano, Ingram and Broderick (2024), Black box variational inference with a deterministic objective.
    """

    draws: int = 30
    gtol: float = 1e-6
    ftol: float = 1e-12

    def __post_init__(self) -> None:
        if self.draws < 1:
            raise ValueError(f"LBFGS: draws={self.draws}, at least one is needed")

    def minimize(
        self, value_and_grad: Callable[[Any], tuple[float, Any]], params: Pytree, steps: int
    ) -> Any:
        """SciPy's result for a function of `params`, with `x` in their structure."""
        from scipy.optimize import minimize  # 0.2 s

        start, restore = flatten(params)
        best: tuple[float, Any] = (math.inf, start)

        def objective(x: np.ndarray) -> tuple[float, np.ndarray]:
            nonlocal best
            value, grads = value_and_grad(restore(x))
            vector = flatten(grads)[0]
            if math.isfinite(value) and np.all(np.isfinite(vector)):
                best = min(best, (float(value), x.copy()), key=lambda found: found[0])
                return float(value), vector
            if not math.isfinite(best[0]):
                return float(value), vector  # at the start there is no best point yet
            # too long a step: a quadratic around the best point makes the line search take a shorter one
            away = x - best[1]
            rise = 10.0 * (1.0 + abs(best[0]))
            return best[0] + rise, 2.0 * rise * away / (away @ away)

        options = {"maxiter": steps, "gtol": self.gtol, "ftol": self.ftol, "maxcor": 20}
        found = minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
        found.x = restore(found.x)
        return found
