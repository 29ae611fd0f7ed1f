"""Joining of arrays: `np.append`, `np.dstack`, `np.block`, `np.r_`, `np.meshgrid`."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.ops.core.registry import composite, evaluated
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.compile_time import array, broadcast_place, largest, row_of
from srcdiff.ops.library.numpy.rearrange import of_three_axes


@composite(
    np.append,
    samples=(
        call("np.append(x, y)", (2,), (3,)),
        call("np.append(x, y)", (2, 2), ()),
        call("np.append(x, y, axis=1)", (2, 2), (2, 1)),
        call("np.append(x, [1.0, 2.0])", (0,)),
    ),
    takes_complex=True,
)
def append(arr, values, axis=None):
    arr, values = array(arr), array(values)
    if axis is None:
        return np.concatenate((row_of(arr), row_of(values)))
    return np.concatenate((arr, values), axis=axis)


@composite(
    np.dstack,
    samples=(
        call("np.dstack((x, y))", (3,), (3,)),
        call("np.dstack([x, y])", (2, 3), (2, 3)),
        call("np.dstack((x, y))", (2, 1, 2), (2, 1, 3)),
    ),
    takes_complex=True,
)
def dstack(tup):
    return np.concatenate(tuple(of_three_axes(array(a)) for a in tup), axis=2)


@composite(
    np.block,
    samples=(
        call("np.block([x, y])", (2,), (3,)),
        call("np.block([[x, y], [y, x]])", (2, 2), (2, 2)),
        call("np.block([[x, y], [z, 1.0]])", (2, 2), (2, 1), (1, 2)),
        call("np.block(x)", (2, 2)),
    ),
    takes_complex=True,
)
def block(arrays):
    depth = _depth_of(arrays)
    return _joined(arrays, depth, largest(depth, _most_axes(arrays)))


def _depth_of(arrays):
    return 1 + _depth_of(arrays[0]) if isinstance(arrays, list) else 0


def _most_axes(arrays):
    if not isinstance(arrays, list):
        return np.ndim(arrays)
    return largest(*(_most_axes(a) for a in arrays))


def _joined(arrays, depth, ndim):
    if not isinstance(arrays, list):
        return _with_axes(array(arrays), ndim)
    return np.concatenate(tuple(_joined(a, depth - 1, ndim) for a in arrays), axis=ndim - depth)


def _with_axes(a, ndim):
    """The array with axes of length 1 added in front."""
    if np.ndim(a) == ndim:
        return a
    if np.ndim(a) == 0:
        return np.reshape(a, (1,) * ndim)
    return a[(None,) * (ndim - a.ndim)]


@composite(
    np.broadcast_arrays,
    samples=(
        call("np.broadcast_arrays(x, y)", (3,), (2, 1)),
        call("np.broadcast_arrays(x, y, z)", (3,), (), (2, 3)),
    ),
    takes_complex=True,
)
def broadcast_arrays(*args, subok=False):
    shape = np.broadcast_shapes(*(np.shape(a) for a in args))
    return tuple(np.broadcast_to(a, shape) for a in args)


@composite(
    np.meshgrid,
    samples=(
        call("np.meshgrid(x, y)", (2,), (3,)),
        call("np.meshgrid(x, y, z, indexing='ij')", (2,), (3,), (1,)),
        call("np.meshgrid(x, y, sparse=True)", (2,), (3,)),
        call("np.meshgrid(x)", (2,)),
    ),
    takes_complex=True,
)
def meshgrid(*xi, copy=True, sparse=False, indexing="xy"):
    places = _mesh_axes(len(xi), indexing)
    rows = tuple(row_of(array(x)) for x in xi)
    open_mesh = tuple(row[broadcast_place(len(xi), k)] for row, k in zip(rows, places, strict=True))
    if sparse:
        return open_mesh
    shape = tuple(len(rows[k]) for k in places)
    return tuple(np.broadcast_to(x, shape).copy() for x in open_mesh)


@evaluated
def _mesh_axes(count: int, indexing: str) -> tuple[int, ...]:
    swapped = (1, 0, *range(2, count))
    return tuple(range(count)) if indexing == "ij" or count < 2 else swapped


@composite(
    np.r_,
    samples=(
        call("np.r_[x, 0.5, y]", (3,), (2,)),
        call("np.r_[x, y]", (2, 3), (1, 3)),
        call("np.r_['1,2,0', x, y]", (3,), (3, 2)),
        call("np.r_[x, :3, 0:1:3j]", ()),
    ),
    takes_complex=True,
)
def concatenated_rows(*items, axis=0, ndmin=1, trans1d=-1):
    return _concatenated(items, axis, ndmin, trans1d)


@composite(
    np.c_,
    samples=(
        call("np.c_[x, y]", (3,), (3,)),
        call("np.c_[x, y, x[:, 0]]", (2, 3), (2, 1)),
        call("np.c_[x, 1.0]", ()),
    ),
    takes_complex=True,
)
def concatenated_columns(*items, axis=-1, ndmin=2, trans1d=0):
    return _concatenated(items, axis, ndmin, trans1d)


def _concatenated(items, axis, ndmin, trans1d):
    arrays = tuple(array(a) for a in items)
    dtype = np.result_type(*arrays)
    return np.concatenate(tuple(_filled_up(a, dtype, ndmin, trans1d) for a in arrays), axis=axis)


def _filled_up(a, dtype, ndmin, trans1d):
    if np.ndim(a) == 0:
        return np.full((1,) * ndmin, a, dtype)
    return a if np.ndim(a) >= ndmin else a[_further_axes(np.ndim(a), ndmin, trans1d)]


@evaluated
def _further_axes(ndim: int, ndmin: int, first: int) -> tuple[Any, ...]:
    """The subscript that extends an array to `ndmin` axes; its own axes begin at `first`, or end the shape for -1."""
    count = ndmin - ndim
    before = first if first >= 0 else first + count + 1
    return (None,) * before + (slice(None),) * ndim + (None,) * (count - before)
