"""Differences, integrals and interpolation: `np.diff`, `np.gradient`, `np.trapezoid`, `np.interp`, `np.unwrap`, ..."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.ops.control.control import stop_gradient
from srcdiff.ops.core.registry import composite, refuse
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.compile_time import (
    all_axes,
    along,
    array,
    axis_in,
    broadcast_place,
    numbers,
    row_of,
    slice_shape,
)

_fixed: Any = stop_gradient


@composite(
    np.diff,
    samples=(
        call("np.diff(x)", (5,)),
        call("np.diff(x, axis=0)", (3, 4)),
        call("np.diff(x, 2)", (2, 5)),
        call("np.diff(x, 3, axis=-2)", (2, 5, 3)),
        call("np.diff(x, 0)", (3,)),
        call("np.diff(x)", (1,)),
        call("np.diff(x, prepend=y, append=1.0)", (2, 4), (2, 3)),
        call("np.diff(x, n=2, axis=0, prepend=y)", (3, 4), ()),
    ),
    takes_complex=True,
)
def diff(a, n=1, axis=-1, prepend=None, append=None):
    a = array(a)
    if prepend is not None:
        a = np.concatenate((_like_slice(prepend, a, axis), a), axis=axis)
    if append is not None:
        a = np.concatenate((a, _like_slice(append, a, axis)), axis=axis)
    d = a
    for _ in numbers(n):
        d = d[along(a.ndim, axis, slice(1, None))] - d[along(a.ndim, axis, slice(None, -1))]
    return d


def _like_slice(value, a, axis):
    """A number as a slice that can be joined with an array along an axis; arrays stay."""
    return array(value) if np.ndim(value) > 0 else np.full(slice_shape(a, axis), value)


@composite(
    np.ediff1d,
    samples=(
        call("np.ediff1d(x)", (5,)),
        call("np.ediff1d(x, to_end=[1.0, 2.0], to_begin=y)", (2, 3), ()),
    ),
    takes_complex=True,
)
def ediff1d(ary, to_end=None, to_begin=None):
    row = row_of(array(ary))
    d = row[1:] - row[:-1]
    parts: Any = (d,)
    if to_begin is not None:
        parts = (np.ravel(to_begin).astype(d.dtype), *parts)
    if to_end is not None:
        parts = (*parts, np.ravel(to_end).astype(d.dtype))
    return d if len(parts) == 1 else np.concatenate(parts)


@composite(
    np.gradient,
    samples=(
        call("np.gradient(x)", (5,)),
        call("np.gradient(x, 0.5)", (5,)),
        call("np.gradient(x, y)", (5,), [0.0, 0.5, 1.5, 1.7, 3.0]),
        call("np.gradient(x)", (3, 4)),
        call("np.gradient(x)", (2,)),
        call("np.gradient(x, 2.0, 0.5)", (3, 4)),
        call("np.gradient(x, 0.5, axis=1)", (3, 4)),
        call("np.gradient(x, axis=0, edge_order=2)", (4, 3)),
        call("np.gradient(x, y, edge_order=2)", (5,), [0.0, 0.5, 1.5, 1.7, 3.0]),
    ),
    takes_complex=True,
)
def gradient(f, *varargs, axis=None, edge_order=1):
    f = array(f)
    axes = all_axes(axis, f.ndim)
    if len(varargs) > 1 and len(varargs) != len(axes):
        refuse("np.gradient takes one distance, or one for each axis", "Give one for each axis.")
    found: Any = ()
    for k in numbers(len(axes)):
        h = 1.0 if len(varargs) == 0 else varargs[0] if len(varargs) == 1 else varargs[k]
        found = (*found, _slope(f, axes[k], array(h), edge_order))
    return found[0] if len(found) == 1 else found


def _slope(f, axis, h, edge_order):
    """The slope along one axis: second order inside, `edge_order` at the ends."""
    slope = np.empty_like(f)
    before = f[along(f.ndim, axis, slice(None, -2))]
    after = f[along(f.ndim, axis, slice(2, None))]
    inside = along(f.ndim, axis, slice(1, -1))
    if np.ndim(h) == 0:
        slope[inside] = (after - before) / (2.0 * h)
        steps = (h, h)
        ends = (h, h)
    else:
        step = h[1:] - h[:-1]
        place = broadcast_place(f.ndim, axis)
        left, right = step[:-1][place], step[1:][place]
        a = -right / (left * (left + right))
        c = left / (right * (left + right))
        slope[inside] = a * before + (right - left) / (left * right) * f[inside] + c * after
        steps = (step[0], step[1])
        ends = (step[-1], step[-2])
    if edge_order == 1:
        slope[along(f.ndim, axis, 0)] = (_at(f, axis, 1) - _at(f, axis, 0)) / steps[0]
        slope[along(f.ndim, axis, -1)] = (_at(f, axis, -1) - _at(f, axis, -2)) / ends[0]
    else:
        slope[along(f.ndim, axis, 0)] = -_edge(f, axis, (0, 1, 2), *steps)
        slope[along(f.ndim, axis, -1)] = _edge(f, axis, (-1, -2, -3), *ends)
    return slope


def _at(f, axis, k):
    return f[along(f.ndim, axis, k)]


def _edge(f, axis, places, near, far):
    """The slope at an end, outwards, of the parabola through the three entries there."""
    one, two, three = (_at(f, axis, k) for k in places)
    a = (2.0 * near + far) / (near * (near + far))
    c = near / (far * (near + far))
    return a * one - (near + far) / (near * far) * two + c * three


@composite(
    getattr(np, "trapezoid", None) or getattr(np, "trapz", None),
    "scipy.integrate.trapezoid",
    samples=(
        call("np.trapezoid(x)", (5,)),
        call("np.trapezoid(x, dx=0.5)", (2, 4)),
        call("np.trapezoid(x, y)", (5,), (5,)),
        call("np.trapezoid(x, y, axis=0)", (4, 2), (4,)),
        call("np.trapezoid(x, y, axis=1)", (2, 4), (2, 4)),
    ),
    takes_complex=True,
)
def trapezoid(y, x=None, dx=1.0, axis=-1):
    y = array(y)
    if x is None:
        d = dx
    else:
        x = array(x)
        if x.ndim == 1:
            d = (x[1:] - x[:-1])[broadcast_place(y.ndim, axis_in(axis, y.ndim))]
        else:
            d = diff(x, axis=axis)
    ends = y[along(y.ndim, axis, slice(1, None))] + y[along(y.ndim, axis, slice(None, -1))]
    return np.sum(d * ends / 2.0, axis=axis)


@composite(
    np.interp,
    samples=(
        call("np.interp(x, y, z)", (5,), [-1.0, 0.2, 0.5, 1.5], (4,)),
        call("np.interp(x, y, z)", (), [-1.0, 0.2, 0.5, 1.5], (4,)),
        call(
            "np.interp(x, y, z, left=0.5, right=-1.0)",
            [[-5.0, 0.3], [9.0, 1.2]],
            [-1.0, 0.2, 1.5],
            (3,),
        ),
        call("np.interp(x, y, z)", [0.2, 1.5, -1.0], [-1.0, 0.2, 1.5], (3,), wrt=(2,)),
        call("np.interp(x, y, z, period=2.0)", [0.3, 5.2, -3.4], [0.1, 1.6, 0.9], (3,)),
        call("np.interp(x, y, z)", (3,), [0.5], (1,), wrt=(2,)),
    ),
    takes_complex=True,
)
def interp(x, xp, fp, left=None, right=None, period=None):
    x, xp, fp = _double(x), _double(xp), _double(fp)
    if x.dtype.kind == "c" or xp.dtype.kind == "c":
        refuse("np.interp takes real x and xp", "Pass their real parts.")
    if period is not None:
        x, xp = x % period, xp % period
        order = np.argsort(xp, kind="stable")
        xp, fp = xp[order], fp[order]
        xp = np.concatenate((xp[-1:] - period, xp, xp[:1] + period))
        fp = np.concatenate((fp[-1:], fp, fp[:1]))
    if xp.shape[0] == 1:
        found = np.full(np.shape(x), fp[0])
    else:
        k = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, xp.shape[0] - 2)
        share = (x - xp[k]) / (xp[k + 1] - xp[k])
        found = fp[k] + share * (fp[k + 1] - fp[k])
    found = np.where(x < xp[0], fp[0] if left is None else left, found)
    return np.where(x > xp[-1], fp[-1] if right is None else right, found)


def _double(a):
    a = array(a)
    wide = np.result_type(a, np.float64)
    return a if a.dtype == wide else a.astype(wide)


@composite(
    np.unwrap,
    samples=(
        call("np.unwrap(4.0 * x)", (6,)),
        call("np.unwrap(4.0 * x, axis=0)", (4, 2)),
        call("np.unwrap(x, period=1.0)", (5,)),
        call("np.unwrap(4.0 * x, discont=4.0)", (6,)),
    ),
)
def unwrap(p, discont=None, axis=-1, *, period=2 * np.pi):
    p = array(p)
    step = _fixed(diff(p, axis=axis))
    half = period / 2
    inside = (step + half) % period - half
    inside = np.where((inside == -half) & (step > 0), half, inside)
    corrections = np.where(
        np.abs(step) < (half if discont is None else discont), 0.0, inside - step
    )
    up = p.copy()
    up[along(p.ndim, axis, slice(1, None))] += np.cumsum(corrections, axis=axis)
    return up
