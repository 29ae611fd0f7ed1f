"""Interpolation and filters on grids: `scipy.interpolate` and `scipy.ndimage`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from srcdiff.ops.core.lazy_module import LazyModule
from srcdiff.ops.core.registry import composite, evaluated, refuse
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.compile_time import array, axis_in, numbers

linalg = LazyModule("scipy.linalg")
signal = LazyModule("scipy.signal")


# ---- one variable: the result is a function --------------------------------------------------------


@composite(
    "scipy.interpolate.CubicSpline",
    samples=(
        call(
            "scipy.interpolate.CubicSpline([0.0, 0.5, 1.5, 2.0, 3.5], x)(y)", (5,), [0.2, 1.7, 4.0]
        ),
        call(
            "scipy.interpolate.CubicSpline(np.cumsum(np.exp(x)), y, bc_type='natural')(3.0)",
            (5,),
            (5,),
        ),
        call(
            "scipy.interpolate.CubicSpline([0.0, 1.0, 1.5, 3.0], x, bc_type='clamped')(y, 1)",
            (4,),
            [0.2, 1.7],
        ),
        call("scipy.interpolate.CubicSpline([0.0, 1.0, 1.5, 3.0], x)(y)", (4, 2), [0.2, 1.7]),
        call("scipy.interpolate.CubicSpline([0.0, 1.0, 1.5], x)(y)", (3,), [0.2, 1.7]),
        call(
            "scipy.interpolate.CubicSpline([0.0, 1.0, 1.5, 3.0], x, axis=1)(y)",
            (2, 4, 2),
            [[0.2], [1.7]],
        ),
    ),
)
def cubic_spline(x, y, axis=0, bc_type="not-a-knot", extrapolate=None):
    if extrapolate is not None and extrapolate is not True:
        refuse(
            "CubicSpline that does not extrapolate is not differentiated", "Leave extrapolate out."
        )
    x, y = array(x), array(y)
    own = axis_in(axis, y.ndim)
    rows = y if own == 0 else np.moveaxis(y, own, 0)
    slopes = _slopes(x, rows, bc_type)

    def at(q, nu=0, extrapolate=None):
        return _in_place_of(own, _hermite(x, rows, slopes, array(q), nu), y.ndim)

    return at


def _in_place_of(own, found, ndim):
    """The result, with the axes of the query points, which come first, moved to the place of the interpolated axis."""
    return found if own == 0 else np.transpose(found, placed(own, np.ndim(found), ndim - 1))


@evaluated
def placed(own: int, ndim: int, others: int) -> tuple[int, ...]:
    places, rest = range(ndim - others), range(ndim - others, ndim)
    return (*rest[:own], *places, *rest[own:])


def _across(a, ndim):
    """`a` with axes of length 1 added at the end, for `ndim - 1` further axes of the values; a number stays."""
    return a[(..., *((None,) * (ndim - 1)))] if ndim > 1 and np.ndim(a) > 0 else a


def _slopes(x, y, bc_type):
    """The derivatives at the knots that make the second derivatives continuous, from a tridiagonal system."""
    h = np.diff(x)
    widths = _across(h, y.ndim)
    steps = np.diff(y, axis=0) / widths
    inner = 3.0 * (widths[1:] * steps[:-1] + widths[:-1] * steps[1:])
    if bc_type == "not-a-knot" and len(x) == 3:  # a parabola
        ends = (1.0, 1.0, 1.0, 1.0)
        first, last = 2.0 * steps[0], 2.0 * steps[1]
    elif bc_type == "not-a-knot":
        d, e = x[2] - x[0], x[-1] - x[-3]
        ends = (h[1], d, h[-2], e)
        first = ((h[0] + 2.0 * d) * h[1] * steps[0] + h[0] ** 2 * steps[1]) / d
        last = (h[-1] ** 2 * steps[-2] + (2.0 * e + h[-1]) * h[-2] * steps[-1]) / e
    elif bc_type == "natural":
        ends = (2.0 * h[0], h[0], 2.0 * h[-1], h[-1])
        first, last = 3.0 * (y[1] - y[0]), 3.0 * (y[-1] - y[-2])
    elif bc_type == "clamped":
        ends = (1.0, 0.0, 1.0, 0.0)
        first, last = 0.0 * y[0], 0.0 * y[-1]
    else:
        refuse(
            f"CubicSpline with bc_type={bc_type!r} is not differentiated",
            "Those with 'not-a-knot', 'natural' and 'clamped' are.",
        )
    above = np.concatenate((np.array([0.0, ends[1]]), h[:-1]))
    middle = np.concatenate((np.array([ends[0]]), 2.0 * (h[:-1] + h[1:]), np.array([ends[2]])))
    below = np.concatenate((h[1:], np.array([ends[3], 0.0])))
    if y.ndim > 1:
        right = np.concatenate((first[None], inner, last[None]))
    else:
        right = np.concatenate((np.array([first]), inner, np.array([last])))
    bands = np.stack((above, middle, below))
    if y.ndim < 3:
        return linalg.solve_banded((1, 1), bands, right)
    return np.reshape(linalg.solve_banded((1, 1), bands, np.reshape(right, (len(x), -1))), y.shape)


def _hermite(x, y, slopes, q, nu):
    """The cubic polynomials with the given values and slopes at the knots, or their derivatives of order `nu`."""
    k = np.clip(np.searchsorted(x, q, side="right") - 1, 0, len(x) - 2)
    h, t = x[k + 1] - x[k], q - x[k]
    h, t = _across(h, y.ndim), _across(t, y.ndim)
    step = (y[k + 1] - y[k]) / h
    cubic = (slopes[k] + slopes[k + 1] - 2.0 * step) / h**2
    square = (step - slopes[k]) / h - cubic * h
    if nu == 0:
        return y[k] + t * (slopes[k] + t * (square + t * cubic))
    if nu == 1:
        return slopes[k] + t * (2.0 * square + 3.0 * t * cubic)
    if nu == 2:
        return 2.0 * square + 6.0 * t * cubic
    if nu == 3:
        return 6.0 * cubic + 0.0 * t
    return refuse(
        "CubicSpline has derivatives up to the third here", "Leave nu out, or pass 1, 2 or 3."
    )


@composite(
    "scipy.interpolate.interp1d",
    samples=(
        call("scipy.interpolate.interp1d([0.0, 0.5, 1.5, 2.0], x)(y)", (4,), [0.2, 1.7]),
        call(
            "scipy.interpolate.interp1d([0.0, 0.5, 1.5, 2.0], x, kind='cubic')(y)", (4,), [0.2, 1.7]
        ),
        call("scipy.interpolate.interp1d([2.0, 0.0, 0.5], x)(y)", (3,), [0.2, 1.7]),
        call("scipy.interpolate.interp1d([0.0, 0.5, 2.0], x, assume_sorted=True)(y)", (3,), [0.2]),
        call(
            "scipy.interpolate.interp1d([0.0, 0.5, 2.0], x, fill_value='extrapolate')(y)",
            (3,),
            [0.2, 2.7],
        ),
        call("scipy.interpolate.interp1d([0.0, 0.5, 2.0], x)(y)", (2, 3), [0.2, 1.7]),
        call("scipy.interpolate.interp1d([0.0, 0.5, 2.0], x, axis=0)(0.7)", (3, 2)),
    ),
    ignores=("bounds_error",),
)
def interp1d(
    x, y, kind="linear", axis=-1, copy=True, bounds_error=None, fill_value=None, assume_sorted=False
):
    x, y = array(x), array(y)
    own, ndim = axis_in(axis, y.ndim), y.ndim
    y = y if own == 0 else np.moveaxis(y, own, 0)
    beyond = fill_value == "extrapolate" if is_text(fill_value) else False
    if fill_value is not None and not beyond:
        refuse(
            "interp1d with a fill value is not differentiated",
            "Use np.where, or fill_value='extrapolate'.",
        )
    if kind not in ("linear", "cubic"):
        refuse(
            f"interp1d of kind {kind!r} is not differentiated",
            "Those of kind 'linear' and 'cubic' are.",
        )
    if not assume_sorted:
        order = np.argsort(x, kind="stable")
        x, y = x[order], y[order]
    slopes = _slopes(x, y, "not-a-knot") if kind == "cubic" else None

    def at(q):
        if kind == "linear":
            return linear(x, y, q, beyond, own)
        places = array(q)
        if not beyond and np.any((places < x[0]) | (places > x[-1])):
            raise ValueError("a value in x_new is outside of the interpolation range")
        return _in_place_of(own, _hermite(x, y, slopes, places, 0), ndim)

    return at


@evaluated
def is_text(value: object) -> bool:
    return isinstance(value, str)


def piecewise(c, x, q, nu=0, extrapolate=None, axis=0):
    """Piecewise polynomials between breakpoints as in `scipy.interpolate.PPoly`: the highest power first."""
    places = array(q)
    k = np.clip(np.searchsorted(x, places, side="right") - 1, 0, len(x) - 2)
    t = _across(places - x[k], c.ndim - 1)
    top = degree(c.shape[0])
    if nu > top:
        return _in_place_of(axis, 0.0 * t if c.ndim == 2 else 0.0 * t * c[0][k], c.ndim - 1)
    total = c[0][k] if nu == 0 else falling(top, nu) * c[0][k]
    for power in numbers(top - 1, nu - 1, -1):  # Horner's scheme
        total = total * t + (
            c[top - power][k] if nu == 0 else falling(power, nu) * c[top - power][k]
        )
    return _in_place_of(axis, total, c.ndim - 1)


@evaluated
def degree(count: int) -> int:
    return count - 1


@evaluated
def falling(power: int, nu: int) -> float:
    """The factor of x**(power - nu) in the derivative of x**power of order `nu`."""
    return float(math.perm(power, nu))


def interpolant(found: Any) -> tuple[Any, dict[str, Any], dict[str, Any]] | None:
    """The function by which the frontend reads an interpolant from outside of a program, with its first arguments and
    its keywords; None for other objects.
    """
    if not type(found).__module__.startswith("scipy.interpolate"):
        return None
    kinds = {c.__name__ for c in type(found).__mro__}
    if "PPoly" in kinds and found.extrapolate is True:
        return piecewise, {"c": found.c, "x": found.x}, {"axis": found.axis}
    if "interp1d" in kinds and found._kind == "linear":
        axis = found.axis % np.ndim(found.y)
        known = {"x": found.x, "y": np.moveaxis(found.y, axis, 0)}
        if found._extrapolate:
            return linear, known, {"beyond": True, "axis": axis}
        if found.bounds_error:
            return linear, known, {"axis": axis}
    return None


def linear(x, y, q, beyond=False, axis=0):
    """Piecewise linear interpolation."""
    places = array(q)
    if not beyond and np.any((places < x[0]) | (places > x[-1])):
        raise ValueError("a value in x_new is outside of the interpolation range")
    k = np.clip(np.searchsorted(x, places) - 1, 0, len(x) - 2)
    step, t = _across(x[k + 1] - x[k], y.ndim), _across(places - x[k], y.ndim)
    return _in_place_of(axis, y[k] + (y[k + 1] - y[k]) / step * t, y.ndim)
