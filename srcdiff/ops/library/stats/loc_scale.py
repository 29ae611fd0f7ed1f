"""Location-scale families: the methods of `scipy.stats` distributions, from the standard form of each distribution.

A standard form is a set of functions of a number and of up to two shape parameters. This module makes them the methods
that programs call. As in SciPy, results are float64 for arrays of float32 too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcdiff.ops.core.registry import composite, evaluated
from srcdiff.ops.core.samples import call
from srcdiff.ops.elementwise.elementary import in_scale
from srcdiff.ops.library.compile_time import array

Form = Callable[..., Any]


@dataclass(frozen=True)
class Standard:
    """A distribution in its standard form.

    Attributes
    ----------
    shapes : mapping of str to float
        The shape parameters, with values for tests.
    log_density, cdf, log_cdf, sf, log_sf : callable
        Functions of a number and of the shape parameters.
    entropy : callable
        A function of the shape parameters.
    support : pair of float or None
        The ends of the support, if it is not all numbers; `inside` is a number in it.
    is_open : bool
        The density is 0 at the ends of the support.
    ends_at_infinity : bool
        At infinity, the derivatives of the cumulative functions are set to 0 and not computed.
    """

    shapes: Mapping[str, float]
    log_density: Form
    cdf: Form
    log_cdf: Form
    sf: Form
    log_sf: Form
    entropy: Form
    support: tuple[float, float] | None = None
    inside: float = 1.0
    is_open: bool = False
    ends_at_infinity: bool = False


def wide(x):
    x = array(x)
    if np.ndim(x) > 0 and x.dtype == np.float32:
        return x.astype(np.float64)
    return x


def arranged(count, args, first=None, second=None, loc=None, scale=None):
    """The shape parameters, the location and the scale from a call's arguments."""
    place = 0
    if count > 0 and first is None:
        first = args[0]
        place = 1
    if count > 1 and second is None:
        second = args[place]
        place = _next(place)
    if len(args) > place:
        loc = args[place]
    if len(args) > _next(place):
        scale = args[_next(place)]
    if count == 0:
        return (), loc, scale
    if count == 1:
        return (wide(first),), loc, scale
    return (wide(first), wide(second)), loc, scale


@evaluated
def _next(place: int) -> int:
    return place + 1


def _standard(x, loc, scale, may_be_infinite=False):
    z = wide(x)
    if loc is not None:
        z = z - wide(loc)
    if scale is None:
        return z
    return in_scale(z, wide(scale)) if may_be_infinite else z / wide(scale)


def _within(form, z, shapes, limits, outside, is_closed):
    """A form inside the support, and constants below and above it; NaN counts as inside."""
    if limits is None:
        return form(z, *shapes)
    lowest, highest, middle, has_end = limits
    if is_closed:
        is_outside = (z < lowest) | (z > highest) if has_end else z < lowest
    else:
        is_outside = (z <= lowest) | (z >= highest) if has_end else z <= lowest
    value = form(np.where(is_outside, middle, z), *shapes)
    below, above = outside
    if has_end and below != above:
        return np.where(is_outside, np.where(z <= lowest, below, above), value)
    return np.where(is_outside, below, value)


def _limits(standard: Standard) -> tuple[Any, Any]:
    """The limits of densities and of tails, as `_within` takes them; None where there is no limit."""
    limits = tails = None
    if standard.support is not None:
        limits = tails = (*standard.support, standard.inside, standard.support[1] < np.inf)
    if standard.ends_at_infinity:
        tails = (*(standard.support or (-np.inf, np.inf)), standard.inside, True)
    return limits, tails


def distribution(name: str, standard: Standard) -> None:
    """Declare the methods of a distribution."""
    count = len(standard.shapes)
    limits, tail_limits = _limits(standard)
    names = dict(zip(standard.shapes, ("first", "second"), strict=False))
    is_closed = not standard.is_open
    log_density, entropy_of = standard.log_density, standard.entropy

    def logpdf(
        x, *args, first = None, second = None, loc = None, scale = None):  # fmt: skip
        shapes, loc, scale = arranged(count, args, first, second, loc, scale)
        z = _standard(x, loc, scale)
        value = _within(log_density, z, shapes, limits, (-np.inf, -np.inf), is_closed)
        if scale is None:
            return value
        return value - np.log(wide(scale))

    def pdf(
        x, *args, first = None, second = None, loc = None, scale = None):  # fmt: skip
        shapes, loc, scale = arranged(count, args, first, second, loc, scale)
        z = _standard(x, loc, scale)
        value = np.exp(_within(log_density, z, shapes, limits, (-np.inf, -np.inf), is_closed))
        if scale is None:
            return value
        return value / wide(scale)

    def entropy(*args, first=None, second=None, loc=None, scale=None):
        shapes, loc, scale = arranged(count, args, first, second, loc, scale)
        value = entropy_of(*shapes)
        if scale is None:
            return np.float64(value)
        return value + np.log(wide(scale))

    def tail(form: Form, outside: Sequence[float]) -> Any:
        def method(
            x, *args, first = None, second = None, loc = None, scale = None):  # fmt: skip
            shapes, loc, scale = arranged(count, args, first, second, loc, scale)
            z = _standard(x, loc, scale, may_be_infinite=True)
            return _within(form, z, shapes, tail_limits, outside, False)

        return method

    methods = {
        "logpdf": logpdf,
        "pdf": pdf,
        "entropy": entropy,
        "cdf": tail(standard.cdf, (0.0, 1.0)),
        "logcdf": tail(standard.log_cdf, (-np.inf, 0.0)),
        "sf": tail(standard.sf, (1.0, 0.0)),
        "logsf": tail(standard.log_sf, (0.0, -np.inf)),
    }
    for method, function in methods.items():
        _enter(name, method, function, standard, names)


def _enter(
    name: str, method: str, function: Any, standard: Standard, names: Mapping[str, str]
) -> None:
    function.__name__ = f"{name}_{method}"
    composite(
        f"scipy.stats.{name}.{method}", names=names, samples=_samples(name, method, standard)
    )(function)


def _samples(name: str, method: str, standard: Standard) -> tuple[Any, ...]:
    """A call of each method by keywords; for the log density also by position, and outside of the support."""
    called = f"scipy.stats.{name}.{method}"
    shapes = [f"{p}={v}" for p, v in standard.shapes.items()]
    letters = "zw"[: len(shapes)]
    if method == "entropy":
        every = ", ".join([*letters, "loc=x", "scale=y"])
        return (call(f"{called}({every})", *[()] * (2 + len(letters)), low=0.5, high=1.5),)
    if method == "logpdf":
        every = ", ".join(["x", *letters, "0.1", "y"])
        shown = ", ".join(["x", *map(str, standard.shapes.values())])
        return (
            call(f"{called}({every})", (4,), *[()] * (1 + len(letters)), low=0.3, high=0.9),
            call(f"{called}({shown})", [-2.0, 0.3, 0.7, 2.0], wrt=()),
        )
    every = ", ".join(["x", *shapes, "loc=0.1", "scale=y"])
    wrt = (0, 1) if method in ("cdf", "logsf") else ()
    return (call(f"{called}({every})", (4,), (), low=0.3, high=0.9, wrt=wrt),)
