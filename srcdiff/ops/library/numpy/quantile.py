"""Medians and quantiles: `np.median`, `np.percentile`, `np.quantile`, and their variants that ignore NaN.

The reduced axes become the first axis, as one: `order[k]` is then the place of the element with k smaller ones. The
derivative goes to the one or two elements that determine the result.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.ops.control.control import stop_gradient
from srcdiff.ops.core.registry import composite, evaluated, refuse
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.compile_time import (
    all_axes,
    array,
    broadcast_place,
    in_dtype,
    numbers,
    other_axes,
    row_of,
)

_fixed: Any = stop_gradient

# ---- functions -----------------------------------------------------------------------------------


@composite(
    np.median,
    samples=(
        call("np.median(x)", (5,)),
        call("np.median(x)", (4,)),
        call("np.median(x, axis=0)", (3, 4)),
        call("np.median(x, axis=-1, keepdims=True)", (2, 4)),
        call("np.median(x, axis=(0, 2))", (2, 3, 2)),
        call("np.median(x)", (2, 3)),
        call("np.median(x)", [1.0, np.nan, 2.0], avoid="NaN"),
        call("np.median(x)", (1,)),
    ),
    takes_complex=True,
)
def median(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    a = array(a)
    lines = lines_of(a, axis)
    n = lines.shape[0]
    order = np.argsort(lines, axis=0, kind="stable")
    low, high = elements_at(lines, order[(n - 1) // 2]), elements_at(lines, order[n // 2])
    middle = 0.5 * (low + high) + _nan_of(elements_at(lines, order[-1]))
    return np.expand_dims(middle, all_axes(axis, a.ndim)) if keepdims else middle


@composite(
    np.quantile,
    samples=(
        call("np.quantile(x, 0.3)", (5,)),
        call("np.quantile(x, y)", (5,), [0.2, 0.9]),
        call("np.quantile(x, 0.7, axis=0)", (4, 3)),
        call("np.quantile(x, [0.25, 0.6], axis=1)", (2, 4)),
        call("np.quantile(x, y, axis=1, keepdims=True)", (2, 4), [0.25, 0.6]),
        call("np.quantile(x, 0.35, method='lower')", (5,)),
        call("np.quantile(x, 0.35, method='higher')", (5,)),
        call("np.quantile(x, 0.35, method='nearest')", (5,)),
        call("np.quantile(x, 0.35, method='midpoint')", (5,)),
        call("np.quantile(x, 0.35, method='hazen')", (5,)),
        call("np.quantile(x, 0.02, method='weibull')", (5,)),
        call("np.quantile(x, 0.4, method='median_unbiased', axis=0)", (5, 2)),
        call("np.quantile(x, 0.4, method='normal_unbiased')", (2, 2)),
        call("np.quantile(x, 0.35, method='interpolated_inverted_cdf')", (5,)),
        call("np.quantile(x, y, method='inverted_cdf')", (5,), [0.0, 0.35, 0.4, 1.0], wrt=(0,)),
        call(
            "np.quantile(x, y, method='closest_observation')",
            (4,),
            [0.1, 0.375, 0.5, 1.0],
            wrt=(0,),
        ),
        call(
            "np.quantile(x, y, method='averaged_inverted_cdf')",
            (4,),
            [0.0, 0.25, 0.3, 1.0],
            wrt=(0,),
        ),
        call("np.quantile(x, 0.5, axis=0, method='averaged_inverted_cdf')", (4, 2)),
        call("np.quantile(x, 1.0)", [1.0, np.nan, 2.0], avoid="NaN"),
    ),
)
def quantile(
    a,
    q,
    axis=None,
    out=None,
    overwrite_input=False,
    method="linear",
    keepdims=False,
    *,
    weights=None,
):
    a, q = array(a), array(q)
    if weights is not None:
        refuse("np.quantile takes no weights= here", "Sort by np.argsort, and interpolate.")
    lines = lines_of(a, axis)
    n = lines.shape[0]
    order = np.argsort(lines, axis=0, kind="stable")
    below, above, share = _between(q, n, method, np.result_type(lines, q))
    low, high = elements_at(lines, order[below]), elements_at(lines, order[above])
    found = low + (high - low) * _over_lines(share, lines) + _nan_of(elements_at(lines, order[-1]))
    return _kept(found, q, axis, a) if keepdims else found


@composite(
    np.percentile,
    samples=(
        call("np.percentile(x, 30)", (5,)),
        call("np.percentile(x, y, axis=-1)", (2, 5), [20.0, 90.0]),
        call("np.percentile(x, 60.0, axis=(0, 1), method='lower')", (2, 3, 2)),
    ),
)
def percentile(
    a,
    q,
    axis=None,
    out=None,
    overwrite_input=False,
    method="linear",
    keepdims=False,
    *,
    weights=None,
):
    return quantile(a, array(q) / 100, axis, None, False, method, keepdims, weights=weights)


@composite(
    np.nanquantile,
    samples=(
        call("np.nanquantile(x, 0.3)", [1.0, np.nan, 0.5, 2.5]),
        call("np.nanquantile(x, 0.3, axis=1)", [[1.0, np.nan, 0.5], [0.2, 0.4, -1.0]]),
        call("np.nanquantile(x, 0.3, axis=0)", [[1.0, np.nan], [0.2, np.nan]], avoid="NaN"),
        call("np.nanquantile(x, y, axis=1)", [[1.0, np.nan, 0.5], [0.2, 0.4, -1.0]], [0.2, 0.9]),
    ),
)
def nanquantile(
    a,
    q,
    axis=None,
    out=None,
    overwrite_input=False,
    method="linear",
    keepdims=False,
    *,
    weights=None,
):
    a, q = array(a), array(q)
    if weights is not None:
        refuse("np.nanquantile takes no weights= here", "Sort by np.argsort, and interpolate.")
    lines = lines_of(a, axis)
    n = np.sum(~np.isnan(lines), axis=0)
    order = np.argsort(lines, axis=0, kind="stable")
    below, above, share = _between(_over_lines(q, lines), n, method, np.result_type(lines, q))
    low, high = (
        elements_at(lines, elements_at(order, below)),
        elements_at(lines, elements_at(order, above)),
    )
    found = low + (high - low) * share
    return _kept(found, q, axis, a) if keepdims else found


@composite(
    np.nanpercentile,
    samples=(
        call("np.nanpercentile(x, 30)", [1.0, np.nan, 0.5, 2.5]),
        call("np.nanpercentile(x, 30.0, axis=0, keepdims=True)", [[1.0, np.nan], [0.2, 0.7]]),
    ),
)
def nanpercentile(
    a,
    q,
    axis=None,
    out=None,
    overwrite_input=False,
    method="linear",
    keepdims=False,
    *,
    weights=None,
):
    return nanquantile(a, array(q) / 100, axis, None, False, method, keepdims, weights=weights)


@composite(
    np.nanmedian,
    samples=(
        call("np.nanmedian(x)", [1.0, np.nan, 0.5, 2.5, 0.1]),
        call("np.nanmedian(x, axis=1)", [[1.0, np.nan, 0.5], [0.2, 0.4, -1.0]]),
    ),
)
def nanmedian(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    return nanquantile(a, 0.5, axis, None, False, "linear", keepdims)


# ---- lines and places in them --------------------------------------------------------------------


def lines_of(a, axis):
    """The array with the reduced axes as one first axis."""
    if axis is None:
        return row_of(a)
    reduced, kept = all_axes(axis, a.ndim), other_axes(axis, a.ndim)
    if len(reduced) == 1:
        return a if reduced[0] == 0 else np.moveaxis(a, reduced[0], 0)
    moved = np.transpose(a, (*reduced, *kept))
    return np.reshape(moved, (-1, *(a.shape[k] for k in kept)))


def elements_at(lines, places):
    """For each line, the element at its place; the last axes of `places` are the lines."""
    rest = lines.ndim - 1
    return lines[
        (places, *(np.arange(lines.shape[k + 1])[broadcast_place(rest, k)] for k in numbers(rest)))
    ]


def _nan_of(last):
    """NaN where the last element is NaN, 0 elsewhere, because NaN is sorted last."""
    return _fixed(np.where(np.isnan(last), last, 0.0))


def _over_lines(q, lines):
    """The values for each quantile, with axes added for the lines."""
    if np.ndim(q) == 0:
        return q
    return q[(..., *((None,) * (lines.ndim - 1)))]


def _kept(found, q, axis, a):
    """The result with axes of length 1 in the places of the reduced axes."""
    return np.expand_dims(found, _trailing_axes(axis, a.ndim, np.ndim(q)))


@evaluated
def _trailing_axes(axis: object, ndim: int, more: int) -> tuple[int, ...]:
    return tuple(k + more for k in all_axes(axis, ndim))


def _between(q, n, method, dtype):
    """The two places next to a quantile of n elements, and the weight of the second."""
    if np.ndim(q) == 0:
        if q < 0 or q > 1:
            raise ValueError("Quantiles must be in the range [0, 1]")
    elif np.any((q < 0) | (q > 1)):
        raise ValueError("Quantiles must be in the range [0, 1]")
    place = _virtual_place(q, n, method)
    if method in ("lower", "higher", "nearest"):
        rounded = _rounded(place, method)
        return rounded, rounded, 0
    if method in ("inverted_cdf", "closest_observation"):  # an integral place, or the next one
        rounded = np.clip(_rounded(place, "higher"), 0, n - 1)
        return rounded, rounded, 0
    below = _rounded(place, "lower")
    above = np.minimum(below + 1, n - 1)
    if method == "averaged_inverted_cdf":
        half = np.where(place == below, 0.5, 1.0)
        return np.maximum(below, 0), above, in_dtype(half, dtype)
    if method == "midpoint":
        return below, above, in_dtype(np.where(place == below, 0.0, 0.5), dtype)
    return below, above, in_dtype(place - below, dtype)


def _virtual_place(q, n, method):
    if method in ("linear", "lower", "higher", "nearest", "midpoint"):
        return q * (n - 1)
    if method in ("inverted_cdf", "averaged_inverted_cdf"):
        return n * q - 1
    if method == "closest_observation":
        return _nearest_odd(n * q - 1.5)
    alpha, beta = _plotting_position(method)
    return np.clip(n * q + (alpha + q * (1.0 - alpha - beta)) - 1.0, 0.0, n - 1.0)


def _nearest_odd(place):
    """An odd integral place stays; other places become floor + 1/2, so that rounding up gives the next integer."""
    return np.where((place % 2) == 1, place, np.floor(place) + 0.5)


@evaluated
def _plotting_position(method: str) -> tuple[float, float]:
    known = {
        "hazen": (0.5, 0.5), "weibull": (0.0, 0.0), "interpolated_inverted_cdf": (0.0, 1.0),
        "median_unbiased": (1.0 / 3.0, 1.0 / 3.0), "normal_unbiased": (3.0 / 8.0, 3.0 / 8.0),
    }  # fmt: skip
    if method not in known:
        raise ValueError(f"np.quantile has no method {method!r}")
    return known[method]


def _rounded(place, method):
    if np.ndim(place) > 0:
        if method == "higher":
            return np.ceil(place).astype(np.int64)
        return (np.rint(place) if method == "nearest" else np.floor(place)).astype(np.int64)
    if method == "higher":
        return int(np.ceil(place))
    return int(np.rint(place) if method == "nearest" else np.floor(place))
