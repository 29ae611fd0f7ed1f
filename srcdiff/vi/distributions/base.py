"""The base class of distributions, which derives common methods from the formulas of each distribution.

A distribution is an object that holds its parameters. Its formulas are plain NumPy, which srcdiff reads in the place of
the call. So the source of `srcdiff.grad(lambda m, x: np.sum(dist.Normal(m, 1.0).log_prob(x)))` has the formula and no
object.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from srcdiff.vi.distributions.supports import constraints
from srcdiff.vi.distributions.supports.scalar import Constraint, Shape

_OPEN = 2.0**-54  # below all positive numbers that Generator.random gives


class Distribution:
    """A distribution over numbers, or over arrays of `event_shape`.

    Parameters are broadcast against each other to `batch_shape`. Neither the constructor nor the formulas check
    parameters or values: call `validate` and `validate_value` for that.

    Attributes
    ----------
    support : Constraint
        The set of values, with its bijector.
    arg_constraints : dict
        The set of values of each parameter.
    event_dim : int
        The number of axes of a value that form one event.
    noise : str or None
        The noise that `from_noise` takes: "normal" (standard normal numbers), "uniform" (numbers in (0, 1)), or None if
        there is no path from the parameters to a draw.
    counts_from_zero : bool
        Whether the values are the numbers 0, 1, 2, ... of a finite choice.
    """

    support: Any
    arg_constraints: ClassVar[Mapping[str, Constraint]] = {}
    noise: Any = None
    alternatives: Any = ()  # alternative parameters: exactly one of them is given
    counts_from_zero: Any = False

    # ---- shapes

    @property
    def event_dim(self):
        return self.support.event_dim

    @property
    def is_discrete(self):
        return self.support.is_discrete

    @property
    def batch_shape(self) -> Shape:
        """The shape of the parameters, broadcast against each other."""
        return np.broadcast_shapes(
            *(
                np.shape(getattr(self, name))[: np.ndim(getattr(self, name)) - constraint.event_dim]
                for name, constraint in self.arg_constraints.items()
                if getattr(self, name) is not None
            )
        )

    @property
    def event_shape(self) -> Shape:
        """The shape of one event."""
        return ()

    def shape(self, shape: Shape = ()) -> Shape:
        """The shape of `shape` draws."""
        return (*_as_shape(shape), *self.batch_shape, *self.event_shape)

    def expand(self, batch: Shape) -> Distribution:
        """The distribution with its parameters repeated to this batch shape, as broadcasting does."""
        return type(self)(
            **{
                name: np.broadcast_to(
                    getattr(self, name),
                    (*batch, *np.shape(getattr(self, name))[np.ndim(getattr(self, name)) - constraint.event_dim :]),
                )
                for name, constraint in self.arg_constraints.items()
                if getattr(self, name) is not None
            }
        )  # fmt: skip

    def _full(self, x):
        """`x`, broadcast to the batch."""
        return np.broadcast_to(x, self.batch_shape)

    # ---- densities

    def log_density(self, value):
        """The logarithm of the density (of the mass, if discrete) at values in the support.

        It has the shape of `value` without its event axes, broadcast against `batch_shape`. Outside of the support it
        has no meaning: `log_prob` is -inf there.
        """
        raise NotImplementedError

    def log_prob(self, value):
        """As `log_density`, and -inf outside of the support, where the derivative is 0."""
        support = self.support
        if support.everywhere:
            return self.log_density(value)
        inside = support.contains(value)
        return np.where(inside, self.log_density(support.inside(value, inside)), -np.inf)

    # ---- draws

    def sample(self, rng: np.random.Generator, shape: Shape = ()) -> Any:
        """Draws, of shape `(*shape, *batch_shape, *event_shape)`."""
        return self.from_noise(self.draw_noise(rng, shape))

    def noise_shape(self, shape: Shape = ()) -> Shape:
        """The shape of the noise from which `from_noise` computes `shape` draws."""
        return self.shape(shape)

    def draw_noise(self, rng: np.random.Generator, shape: Shape = ()) -> np.ndarray:
        """The noise for `shape` draws."""
        if self.noise == "normal":
            return rng.standard_normal(self.noise_shape(shape))
        if self.noise == "uniform":
            return np.maximum(rng.random(self.noise_shape(shape)), _OPEN)
        raise TypeError(_no_path(type(self).__name__))

    def from_noise(self, eps):
        """The draw for the noise `eps`: the reparameterisation, which is differentiable with respect
        to the parameters.
        """
        raise TypeError(_no_path(type(self).__name__))

    # ---- moments

    @property
    def mean(self):
        """The mean, of shape `(*batch_shape, *event_shape)`; NaN if it does not exist."""
        raise NotImplementedError(f"the mean of {type(self).__name__} has no closed form")

    @property
    def variance(self):
        """The variance of each number of an event, of shape `(*batch_shape, *event_shape)`."""
        raise NotImplementedError(f"the variance of {type(self).__name__} has no closed form")

    def entropy(self):
        """The (differential) entropy in nats, of shape `batch_shape`."""
        raise NotImplementedError(f"the entropy of {type(self).__name__} has no closed form")

    # ---- exponential families: log density = sum of natural_parameters times sufficient_statistics
    #      - log_normalizer + log_base_measure

    def natural_parameters(self):
        """The coefficients of the sufficient statistics: a tuple."""
        raise NotImplementedError(
            f"{type(self).__name__} is no exponential family in these parameters"
        )

    def sufficient_statistics(self, value):
        """The sufficient statistics, a tuple of functions of the value."""
        raise NotImplementedError(
            f"{type(self).__name__} is no exponential family in these parameters"
        )

    def log_normalizer(self):
        """The logarithm of the normalising constant."""
        raise NotImplementedError(
            f"{type(self).__name__} is no exponential family in these parameters"
        )

    def log_base_measure(self, value):
        """The logarithm of the base measure's density."""
        raise NotImplementedError(
            f"{type(self).__name__} is no exponential family in these parameters"
        )

    # ---- events

    def to_event(self, reinterpreted_batch_ndims=None):
        """The same distribution with the last axes of the batch (all of them by default) as part of one event."""
        # which is a distribution itself
        from srcdiff.vi.distributions.mixtures_and_point_masses import Independent

        count = reinterpreted_batch_ndims
        return Independent(self, len(self.batch_shape) if count is None else count)

    # ---- checks

    def validate(self, where: str = "") -> None:
        """Check the parameters.

        Parameters
        ----------
        where
            The first words of the message: the name of a site.

        Raises
        ------
        ValueError
            A parameter is NaN or outside of its domain, or shapes do not broadcast: the message names distribution and
            parameter.
        """
        name = f"{where}{type(self).__name__}"
        given = [k for k in self.alternatives if getattr(self, k) is not None]
        if self.alternatives and len(given) != 1:
            raise ValueError(f"{name}: give one of {', '.join(self.alternatives)}")
        for key, constraint in self.arg_constraints.items():
            value = getattr(self, key)
            if value is not None:
                _check(name, key, value, constraint)
                length = np.shape(value)[-constraint.event_dim :][:1]
                event = self.event_shape[:1]
                if constraint.event_dim and event and length != event:
                    raise ValueError(
                        f"{name}: {key} has shape {np.shape(value)}, where events have shape {self.event_shape}"
                    )
        low, high = getattr(self, "low", None), getattr(self, "high", None)
        below = np.less_equal if self.is_discrete else np.less
        if low is not None and high is not None and not np.all(below(low, high)):
            raise ValueError(f"{name}: low has to be below high, got {low} and {high}")
        try:
            _ = self.batch_shape
        except ValueError:
            shapes = {k: np.shape(getattr(self, k)) for k in self.arg_constraints}
            listed = ", ".join(f"{k} has {s}" for k, s in shapes.items())
            raise ValueError(
                f"{name}: the shapes of its parameters do not broadcast: {listed}"
            ) from None

    def validate_value(self, value: ArrayLike, where: str = "") -> None:
        """Raise ValueError for values outside of the support, or of a shape that does not fit."""
        name = f"{where}{type(self).__name__}"
        shape, event = np.shape(value), self.event_shape
        if len(event) and shape[len(shape) - len(event) :] != event:
            raise ValueError(f"{name}: a value of shape {shape}, where each has shape {event}")
        _check(name, "value", value, self.support)
        try:
            np.broadcast_shapes(shape[: len(shape) - len(event)], self.batch_shape)
        except ValueError:
            raise ValueError(
                f"{name}: a value of shape {shape} does not broadcast with batch_shape {self.batch_shape}"
            ) from None

    def __repr__(self) -> str:
        names = [n for n in inspect.signature(type(self)).parameters if hasattr(self, n)]
        given = ((n, getattr(self, n)) for n in names)
        return (
            f"{type(self).__name__}({', '.join(f'{n}={v!r}' for n, v in given if v is not None)})"
        )


def _as_shape(shape: tuple[int, ...]) -> Shape:
    return (int(shape),) if isinstance(shape, int | np.integer) else tuple(shape)


def _no_path(name: str) -> str:
    return f"draws from {name} have no derivative with respect to its parameters: use the score function instead"


def _check(name: str, key: str, value: ArrayLike | None, constraint: Constraint) -> None:
    if isinstance(value, list | tuple):
        raise ValueError(
            f"{name}: {key} is a {type(value).__name__}: make an array of it (np.array)"
        )
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise ValueError(
            f"{name}: {key} has to be numbers, got {getattr(value, 'dtype', type(value).__name__)}"
        )
    if array.ndim < constraint.event_dim:
        axes = "axis" if constraint.event_dim == 1 else "axes"
        raise ValueError(
            f"{name}: {key} has to have {constraint.event_dim} {axes}, got shape {array.shape}"
        )
    fine = np.asarray(constraint.contains(array))
    if fine.all():
        return
    place = tuple(int(k) for k in np.argwhere(~fine)[0]) if fine.ndim else ()
    at = f" at {list(place)}" if place else ""
    bad = array[place]
    what = "is NaN" if np.isnan(bad).any() else f"has to be {constraint.name}, got {bad}"
    raise ValueError(f"{name}: {key} {what}{at}")


class LocationScale(Distribution):
    """A base class: distributions with a location `loc` and a scale `scale`."""

    arg_constraints: ClassVar[Mapping[str, Constraint]] = {
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support: Any = constraints.real

    def __init__(self, loc=0.0, scale=1.0):
        self.loc = loc
        self.scale = scale


class OfChance(Distribution):
    """A base class: events with probability `probs`; `logits` are log(probs / (1 - probs))."""

    arg_constraints: ClassVar[Mapping[str, Constraint]] = {
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    alternatives = ("probs", "logits")

    def __init__(self, probs=None, logits=None):
        self.probs = probs
        self.logits = logits

    @property
    def _probs(self):
        return expit(self.logits) if self.probs is None else self.probs
