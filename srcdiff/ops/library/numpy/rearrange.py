"""Rearrangement of arrays: splitting, rotation, insertion: `np.split`, `np.rot90`, `np.insert`, ..."""

from __future__ import annotations

import numpy as np

from srcdiff.ops.core.registry import composite, evaluated
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.compile_time import along, array, axis_in, numbers, row_of, slice_shape

# ---- added and moved axes ------------------------------------------------------------------------


@composite(
    np.atleast_2d,
    samples=(
        call("np.atleast_2d(x)", (3,)),
        call("np.atleast_2d(x)", ()),
        call("np.atleast_2d(x, y)", (2, 3), (0,)),
    ),
    takes_complex=True,
)
def atleast_2d(*arys):
    found = tuple(_of_two_axes(array(a)) for a in arys)
    return found[0] if len(found) == 1 else found


def _of_two_axes(a):
    if np.ndim(a) == 0:
        return np.reshape(a, (1, 1))
    return a[None] if a.ndim == 1 else a


@composite(
    np.atleast_3d,
    samples=(
        call("np.atleast_3d(x)", (3,)),
        call("np.atleast_3d(x)", ()),
        call("np.atleast_3d(x, y)", (2, 3), (2, 1, 2)),
    ),
    takes_complex=True,
)
def atleast_3d(*arys):
    found = tuple(of_three_axes(array(a)) for a in arys)
    return found[0] if len(found) == 1 else found


def of_three_axes(a):
    if np.ndim(a) == 0:
        return np.reshape(a, (1, 1, 1))
    if a.ndim == 1:
        return a[None, :, None]
    return a[:, :, None] if a.ndim == 2 else a


@composite(
    np.rollaxis,
    samples=(
        call("np.rollaxis(x, 2)", (2, 3, 4)),
        call("np.rollaxis(x, 0, 2)", (2, 3, 4)),
        call("np.rollaxis(x, -1, start=1)", (2, 3, 4)),
    ),
    takes_complex=True,
)
def rollaxis(a, axis, start=0):
    return np.moveaxis(a, axis, _place_after_roll(axis_in(axis, a.ndim), start, a.ndim))


@evaluated
def _place_after_roll(axis: int, start: int, ndim: int) -> int:
    start = start + ndim if start < 0 else start
    return start - 1 if axis < start else start


@composite(
    getattr(np, "matrix_transpose", None),
    getattr(np.linalg, "matrix_transpose", None),
    method="mT",
    samples=(
        call("np.matrix_transpose(x)", (2, 3)),
        call("np.linalg.matrix_transpose(x)", (2, 3, 4)),
    ),
    takes_complex=True,
)
def matrix_transpose(x):
    return np.swapaxes(x, -1, -2)


@composite(
    np.rot90,
    samples=(
        call("np.rot90(x)", (2, 3)),
        call("np.rot90(x, 2)", (2, 3)),
        call("np.rot90(x, -1, (1, 2))", (2, 3, 2)),
        call("np.rot90(x, k=4)", (2, 3)),
    ),
    takes_complex=True,
)
def rot90(m, k=1, axes=(0, 1)):
    if k % 4 == 0:
        return m[:]
    if k % 4 == 2:
        return np.flip(np.flip(m, axes[0]), axes[1])
    if k % 4 == 1:
        return np.swapaxes(np.flip(m, axes[1]), axes[0], axes[1])
    return np.flip(np.swapaxes(m, axes[0], axes[1]), axes[1])


@composite(
    getattr(np, "astype", None),
    samples=(
        call("np.astype(x, np.float32)", [0.5, 1.25], wrt=()),
        call("np.astype(x, float)", (3,)),
    ),
    takes_complex=True,
)
def astype(x, dtype, /, *, copy=True, device=None):
    return x.astype(dtype)


# ---- splitting -----------------------------------------------------------------------------------


@composite(
    np.array_split,
    samples=(
        call("np.array_split(x, 3)", (7,)),
        call("np.array_split(x, 2, axis=1)", (2, 4)),
        call("np.array_split(x, [1, 3])", (5,)),
        call("np.array_split(x, 3)", (2,)),
    ),
    takes_complex=True,
)
def array_split(ary, indices_or_sections, axis=0):
    if not isinstance(indices_or_sections, int):
        return split(ary, indices_or_sections, axis)
    size, more = divmod(ary.shape[axis], indices_or_sections)
    bounds = tuple(k * size + min(k, more) for k in numbers(indices_or_sections + 1))
    return [
        ary[along(ary.ndim, axis, slice(bounds[k], bounds[k + 1]))]
        for k in numbers(indices_or_sections)
    ]


@composite(
    np.split,
    samples=(
        call("np.split(x, 3)", (6,)),
        call("np.split(x, 2, axis=-1)", (2, 4)),
        call("np.split(x, (1, 3))", (5, 2)),
        call("np.split(x, [2], axis=1)", (2, 3)),
    ),
    takes_complex=True,
)
def split(ary, indices_or_sections, axis=0):
    if isinstance(indices_or_sections, int):
        return _even_parts(ary, indices_or_sections, axis)
    ends = (*indices_or_sections, None)
    starts = (0, *indices_or_sections)
    return [ary[along(ary.ndim, axis, slice(a, b))] for a, b in zip(starts, ends, strict=True)]


def _even_parts(ary, count, axis):
    size = ary.shape[axis] // count
    if size * count != ary.shape[axis]:
        raise ValueError("array split does not result in an equal division")
    return [
        ary[along(ary.ndim, axis, slice(k * size if k > 0 else None, (k + 1) * size))]
        for k in numbers(count)
    ]


@composite(
    np.hsplit,
    samples=(call("np.hsplit(x, 2)", (4,)), call("np.hsplit(x, [1])", (2, 3))),
    takes_complex=True,
)
def hsplit(ary, indices_or_sections):
    return split(ary, indices_or_sections, 0 if ary.ndim == 1 else 1)


@composite(
    np.vsplit,
    samples=(call("np.vsplit(x, 2)", (4, 2)), call("np.vsplit(x, [1])", (3, 2))),
    takes_complex=True,
)
def vsplit(ary, indices_or_sections):
    return split(ary, indices_or_sections, 0)


@composite(np.dsplit, samples=(call("np.dsplit(x, 2)", (2, 1, 4)),), takes_complex=True)
def dsplit(ary, indices_or_sections):
    return split(ary, indices_or_sections, 2)


# ---- more or fewer elements ----------------------------------------------------------------------


@composite(
    np.resize,
    samples=(
        call("np.resize(x, (2, 3))", (4,)),
        call("np.resize(x, 3)", (2, 3)),
        call("np.resize(x, (2, 2))", ()),
        call("np.resize(x, 2)", (0,)),
    ),
    takes_complex=True,
)
def resize(a, new_shape):
    row = row_of(a)
    shape = new_shape if isinstance(new_shape, tuple) else (new_shape,)
    count = 1
    for n in shape:
        count = count * n
    if row.size == 0:
        return np.zeros(shape, a.dtype)
    return np.reshape(row[np.arange(count) % row.size], shape)


# ---- concatenations that are written as subscripts: `np.r_[x, 1.0, y]`, `np.c_[x, y]` -------------


@composite(
    np.delete,
    samples=(
        call("np.delete(x, 1)", (4,)),
        call("np.delete(x, -1, axis=1)", (2, 3)),
        call("np.delete(x, [0, 2], axis=0)", (4, 2)),
        call("np.delete(x, slice(0, 3, 2))", (2, 2)),
        call("np.delete(x, y)", (3,), [True, False, True]),
    ),
    takes_complex=True,
)
def delete(arr, obj, axis=None):
    if axis is None:
        arr, axis = row_of(arr), 0
    keep = np.ones(arr.shape[axis], dtype=bool)
    keep[obj] = False
    return arr[along(arr.ndim, axis, keep)]


@composite(
    np.insert,
    samples=(
        call("np.insert(x, 1, y)", (4,), ()),
        call("np.insert(x, -1, y, axis=1)", (2, 3), (2,)),
        call("np.insert(x, [0, 2], y)", (4,), (2,)),
        call("np.insert(x, [1], y, axis=1)", (2, 3), (2, 1)),
        call("np.insert(x, 1, 5.0)", (2, 2)),
    ),
    takes_complex=True,
)
def insert(arr, obj, values, axis=None):
    if axis is None:
        arr, axis = row_of(arr), 0
    n, axis = arr.shape[axis], axis_in(axis, arr.ndim)
    places = array(obj)
    if np.ndim(places) == 0:
        at = places + n if places < 0 else places
        front, back = (
            arr[along(arr.ndim, axis, slice(None, at))],
            arr[along(arr.ndim, axis, slice(at, None))],
        )
        if np.ndim(values) == 0:
            values = np.full(slice_shape(arr, axis), values, dtype=arr.dtype)
        elif np.ndim(values) < arr.ndim:
            values = np.expand_dims(values, axis)
        else:
            values = np.moveaxis(values, 0, axis)
        return np.concatenate((front, values, back), axis=axis)
    if places.dtype == bool:
        places = np.flatnonzero(places)
    places = np.where(places < 0, places + n, places)
    order = np.argsort(places, kind="stable")
    new = np.zeros_like(places)
    new[order] = places[order] + np.arange(len(places))
    is_old = np.ones(n + len(places), dtype=bool)
    is_old[new] = False
    shape = tuple(n + len(places) if k == axis else arr.shape[k] for k in numbers(arr.ndim))
    result = np.zeros(shape, dtype=arr.dtype)
    result[along(arr.ndim, axis, new)] = values
    result[along(arr.ndim, axis, is_old)] = arr
    return result


@composite(
    getattr(np, "unstack", None),
    samples=(call("np.unstack(x)", [[1.0, 2.0], [3.0, 4.0]]),),
    takes_complex=True,
)
def unstack(x, /, *, axis=0):
    return list(np.moveaxis(x, axis, 0))


@composite(
    np.diagflat,
    samples=(
        call("np.diagflat(x)", (2, 2)),
        call("np.diagflat(x, 1)", (3,)),
        call("np.diagflat(x)", ()),
    ),
    takes_complex=True,
)
def diagflat(v, k=0):
    return np.diag(row_of(v), k)


@composite(
    np.tri,
    samples=(
        call("np.tri(3) * x", ()),
        call("np.tri(2, 4, 1) * x", ()),
        call("np.tri(3, k=-1) * x", (3,)),
    ),
)
def tri(N, M=None, k=0, dtype=float):
    return np.tril(np.ones((N, N if M is None else M), dtype=dtype), k)
