"""Counts, grids, sets and spacings: `np.bincount`, `np.indices`, `np.union1d`, `np.logspace`, `np.fft.fftshift`, ..."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.ops.core.registry import composite, refuse
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.compile_time import (
    all_axes,
    array,
    axis_in,
    broadcast_place,
    in_dtype,
    numbers,
    row_of,
)
from srcdiff.ops.library.numpy.sorting import unique

# ---- counts --------------------------------------------------------------------------------------


@composite(
    np.bincount,
    samples=(
        call("np.bincount(x, y)", [0, 2, 1, 2], (4,)),
        call("np.bincount(x)", [0, 2, 1, 2]),
        call("np.bincount(x, weights=y, minlength=5)", [0, 2, 1, 2], (4,)),
    ),
)
def bincount(x, weights=None, minlength=0):
    x = array(x)
    count = max(int(np.max(x)) + 1, minlength)
    if weights is None:
        counts = np.zeros(count, dtype=np.int64)
        np.add.at(counts, x, 1)
        return counts
    sums = np.zeros(count)
    np.add.at(sums, x, array(weights))
    return sums


# ---- places --------------------------------------------------------------------------------------


@composite(np.indices, samples=(call("np.indices((2, 3)) * x", (3,)),))
def indices(dimensions, dtype=int, sparse=False):
    ndim = len(dimensions)
    grids = tuple(
        np.arange(dimensions[k], dtype=dtype)[broadcast_place(ndim, k)] for k in numbers(ndim)
    )
    if sparse:
        return grids
    return np.stack(tuple(np.broadcast_to(g, dimensions) for g in grids))


@composite(
    np.ravel_multi_index,
    samples=(call("np.ravel_multi_index((x, y), (3, 4))", [0, 2], [1, 3]),),
)
def ravel_multi_index(multi_index, dims, mode="raise", order="C"):
    if order != "C":
        refuse("np.ravel_multi_index takes the order 'C' here", "Reverse the axes.")
    place = 0
    for k in numbers(len(dims)):
        at = multi_index[k]
        if mode == "raise" and np.any((array(at) < 0) | (array(at) >= dims[k])):
            raise ValueError("invalid entry in coordinates array")
        at = (
            at % dims[k]
            if mode == "wrap"
            else np.clip(at, 0, dims[k] - 1)
            if mode == "clip"
            else at
        )
        place = place * dims[k] + at
    return place


@composite(
    np.unravel_index,
    samples=(call("np.unravel_index(x, (3, 4))", [0, 7, 11]),),
)
def unravel_index(indices, shape, order="C"):
    if order != "C":
        refuse("np.unravel_index takes the order 'C' here", "Reverse the axes.")
    found: Any = ()
    rest = array(indices)
    for k in numbers(len(shape) - 1, 0, -1):
        found = (rest % shape[k], *found)
        rest = rest // shape[k]
    return (rest, *found)


# ---- sets ----------------------------------------------------------------------------------------


@composite(
    np.union1d,
    samples=(call("np.union1d(x, y)", [3, 1, 3], [2, 1]), call("np.union1d(x, y)", (2,), (3,))),
    takes_complex=True,
)
def union1d(ar1, ar2):
    return unique(np.concatenate((row_of(array(ar1)), row_of(array(ar2)))))


@composite(
    np.intersect1d,
    samples=(call("np.intersect1d(x, y)", [3, 1, 3], [2, 1]),),
)
def intersect1d(ar1, ar2, assume_unique=False, return_indices=False):
    if return_indices:
        refuse("np.intersect1d gives no indices here", "Use np.isin and np.flatnonzero.")
    first = unique(array(ar1))
    return first[np.isin(first, ar2)]


@composite(np.setdiff1d, samples=(call("np.setdiff1d(x, y)", [3, 1, 3, 0], [2, 1]),))
def setdiff1d(ar1, ar2, assume_unique=False):
    first = unique(array(ar1))
    return first[~np.isin(first, ar2)]


# ---- spacings ------------------------------------------------------------------------------------


@composite(
    np.logspace,
    samples=(
        call("np.logspace(x, y, 4)", (), ()),
        call("np.logspace(0.0, x, 3, base=2.0)", ()),
        call("np.logspace(x, y, 3, endpoint=False, axis=-1)", (2,), (2,)),
    ),
    takes_complex=True,
)
def logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    exponents = np.linspace(start, stop, num, endpoint=endpoint)
    if np.ndim(base) > 0:
        refuse("np.logspace takes one base here", "Raise the bases to np.linspace.")
    found = np.power(base, exponents)
    if dtype is not None:
        found = found.astype(dtype)
    return np.moveaxis(found, 0, axis) if axis != 0 else found


@composite(
    np.geomspace,
    samples=(
        call("np.geomspace(x, y, 4)", (), (), low=0.5),
        call("np.geomspace(x, y, 3, endpoint=False, axis=1)", (2,), (2,), low=0.5),
    ),
)
def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    if dtype is None:  # the result is float64, also for float32
        start, stop = in_dtype(start, np.float64), in_dtype(stop, np.float64)
    inside = np.exp(np.linspace(np.log(start), np.log(stop), num, endpoint=endpoint))
    inside[0] = start
    if endpoint:
        inside[-1] = stop
    if dtype is not None:
        inside = inside.astype(dtype)
    return np.moveaxis(inside, 0, axis) if axis != 0 else inside


# ---- shifts of spectra ---------------------------------------------------------------------------


@composite(
    np.fft.fftshift,
    samples=(
        call("np.fft.fftshift(x)", (5,)),
        call("np.fft.fftshift(x)", (2, 3)),
        call("np.fft.fftshift(x, axes=1)", (2, 3)),
    ),
    takes_complex=True,
)
def fftshift(x, axes=None):
    for k in all_axes(axes, x.ndim):
        x = np.roll(x, x.shape[k] // 2, axis=k)
    return x


@composite(
    np.fft.ifftshift,
    samples=(call("np.fft.ifftshift(x)", (5,)), call("np.fft.ifftshift(x, 0)", (3, 2))),
    takes_complex=True,
)
def ifftshift(x, axes=None):
    for k in all_axes(axes, x.ndim):
        x = np.roll(x, -(x.shape[k] // 2), axis=k)
    return x


@composite(
    np.fft.fftfreq,
    samples=(call("np.fft.fftfreq(5, 0.5) * x", (5,)), call("np.fft.fftfreq(4, x)", ())),
)
def fftfreq(n, d=1.0, device=None):
    k = np.arange(n)
    return np.where(k < (n + 1) // 2, k, k - n) / (n * d)


@composite(
    np.fft.rfftfreq,
    samples=(call("np.fft.rfftfreq(4, x)", ()),),
)
def rfftfreq(n, d=1.0, device=None):
    return np.arange(n // 2 + 1) / (n * d)


# ---- functions along an axis ---------------------------------------------------------------------


@composite(
    np.apply_along_axis,
    samples=(
        call("np.apply_along_axis(np.sum, 0, x)", (2, 3)),
        call("np.apply_along_axis(lambda v: v * np.sum(v), 1, x)", (2, 3)),
        call("np.apply_along_axis(lambda v: v * np.sum(v), 1, x)", (2, 3, 2)),
        call("np.apply_along_axis(np.sum, -1, x)", (2, 2, 3)),
        call("np.apply_along_axis(lambda v: v * v[0], 0, x)", (3,)),
    ),
    takes_complex=True,
)
def apply_along_axis(func1d, axis, arr, *args, **kwargs):
    if arr.ndim != 2:
        return _along_axis(func1d, axis_in(axis, arr.ndim), arr, args, kwargs)
    rows = arr if axis in (1, -1) else arr.T
    found = np.stack([func1d(rows[i], *args, **kwargs) for i in range(len(rows))])
    return found.T if axis in (0, -2) and found.ndim == 2 else found


def _along_axis(func1d, axis, arr, args, kwargs):
    moved = np.moveaxis(arr, axis, -1)
    rows = np.reshape(moved, (-1, arr.shape[axis]))
    found = np.stack([func1d(rows[i], *args, **kwargs) for i in range(len(rows))])
    found = np.reshape(found, moved.shape[:-1] + found.shape[1:])
    further = numbers(found.ndim - arr.ndim + 1)
    after = tuple(arr.ndim - 1 + k for k in further)
    return np.moveaxis(found, after, tuple(axis + k for k in further)) if after else found
