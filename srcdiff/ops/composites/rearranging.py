"""Arrays put together, taken apart, turned and filled up: `np.append`, `np.split`, `np.rot90`, `np.pad`, ..."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.ops.composites.places import (
    along,
    array,
    axis_in,
    broadcast_place,
    largest,
    numbers,
    row_of,
    slice_shape,
)
from srcdiff.ops.registry import composite, evaluated, refuse
from srcdiff.ops.samples import said

__all__ = ["split"]

# ---- more axes, other axes -----------------------------------------------------------------------


@composite(
    np.atleast_2d,
    samples=(
        said("np.atleast_2d(x)", (3,)),
        said("np.atleast_2d(x)", ()),
        said("np.atleast_2d(x, y)", (2, 3), (0,)),
    ),
    takes_complex=True,
)
def atleast_2d(*arys: Any) -> Any:
    found = tuple(_of_two_axes(array(a)) for a in arys)
    return found[0] if len(found) == 1 else found


def _of_two_axes(a: Any) -> Any:
    if np.ndim(a) == 0:
        return np.reshape(a, (1, 1))
    return a[None] if a.ndim == 1 else a


@composite(
    np.atleast_3d,
    samples=(
        said("np.atleast_3d(x)", (3,)),
        said("np.atleast_3d(x)", ()),
        said("np.atleast_3d(x, y)", (2, 3), (2, 1, 2)),
    ),
    takes_complex=True,
)
def atleast_3d(*arys: Any) -> Any:
    found = tuple(_of_three_axes(array(a)) for a in arys)
    return found[0] if len(found) == 1 else found


def _of_three_axes(a: Any) -> Any:
    if np.ndim(a) == 0:
        return np.reshape(a, (1, 1, 1))
    if a.ndim == 1:
        return a[None, :, None]
    return a[:, :, None] if a.ndim == 2 else a


@composite(
    np.rollaxis,
    samples=(
        said("np.rollaxis(x, 2)", (2, 3, 4)),
        said("np.rollaxis(x, 0, 2)", (2, 3, 4)),
        said("np.rollaxis(x, -1, start=1)", (2, 3, 4)),
    ),
    takes_complex=True,
)
def rollaxis(a: Any, axis: Any, start: Any = 0) -> Any:
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
        said("np.matrix_transpose(x)", (2, 3)),
        said("np.linalg.matrix_transpose(x)", (2, 3, 4)),
    ),
    takes_complex=True,
)
def matrix_transpose(x: Any) -> Any:
    return np.swapaxes(x, -1, -2)


@composite(
    np.rot90,
    samples=(
        said("np.rot90(x)", (2, 3)),
        said("np.rot90(x, 2)", (2, 3)),
        said("np.rot90(x, -1, (1, 2))", (2, 3, 2)),
        said("np.rot90(x, k=4)", (2, 3)),
    ),
    takes_complex=True,
)
def rot90(m: Any, k: Any = 1, axes: Any = (0, 1)) -> Any:
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
        said("np.astype(x, np.float32)", [0.5, 1.25], wrt=()),
        said("np.astype(x, float)", (3,)),
    ),
    takes_complex=True,
)
def astype(x: Any, dtype: Any, /, *, copy: Any = True, device: Any = None) -> Any:
    return x.astype(dtype)


# ---- put together --------------------------------------------------------------------------------


@composite(
    np.append,
    samples=(
        said("np.append(x, y)", (2,), (3,)),
        said("np.append(x, y)", (2, 2), ()),
        said("np.append(x, y, axis=1)", (2, 2), (2, 1)),
        said("np.append(x, [1.0, 2.0])", (0,)),
    ),
    takes_complex=True,
)
def append(arr: Any, values: Any, axis: Any = None) -> Any:
    arr, values = array(arr), array(values)
    if axis is None:
        return np.concatenate((row_of(arr), row_of(values)))
    return np.concatenate((arr, values), axis=axis)


@composite(
    np.dstack,
    samples=(
        said("np.dstack((x, y))", (3,), (3,)),
        said("np.dstack([x, y])", (2, 3), (2, 3)),
        said("np.dstack((x, y))", (2, 1, 2), (2, 1, 3)),
    ),
    takes_complex=True,
)
def dstack(tup: Any) -> Any:
    return np.concatenate(tuple(_of_three_axes(array(a)) for a in tup), axis=2)


@composite(
    np.block,
    samples=(
        said("np.block([x, y])", (2,), (3,)),
        said("np.block([[x, y], [y, x]])", (2, 2), (2, 2)),
        said("np.block([[x, y], [z, 1.0]])", (2, 2), (2, 1), (1, 2)),
        said("np.block(x)", (2, 2)),
    ),
    takes_complex=True,
)
def block(arrays: Any) -> Any:
    depth = _depth_of(arrays)
    return _joined(arrays, depth, largest(depth, _most_axes(arrays)))


def _depth_of(arrays: Any) -> Any:
    return 1 + _depth_of(arrays[0]) if isinstance(arrays, list) else 0


def _most_axes(arrays: Any) -> Any:
    if not isinstance(arrays, list):
        return np.ndim(arrays)
    return largest(*(_most_axes(a) for a in arrays))


def _joined(arrays: Any, depth: Any, ndim: Any) -> Any:
    if not isinstance(arrays, list):
        return _with_axes(array(arrays), ndim)
    return np.concatenate(tuple(_joined(a, depth - 1, ndim) for a in arrays), axis=ndim - depth)


def _with_axes(a: Any, ndim: Any) -> Any:
    """An array with axes of length 1 in front."""
    if np.ndim(a) == ndim:
        return a
    if np.ndim(a) == 0:
        return np.reshape(a, (1,) * ndim)
    return a[(None,) * (ndim - a.ndim)]


@composite(
    np.broadcast_arrays,
    samples=(
        said("np.broadcast_arrays(x, y)", (3,), (2, 1)),
        said("np.broadcast_arrays(x, y, z)", (3,), (), (2, 3)),
    ),
    takes_complex=True,
)
def broadcast_arrays(*args: Any, subok: Any = False) -> Any:
    shape = np.broadcast_shapes(*(np.shape(a) for a in args))
    return tuple(np.broadcast_to(a, shape) for a in args)


@composite(
    np.meshgrid,
    samples=(
        said("np.meshgrid(x, y)", (2,), (3,)),
        said("np.meshgrid(x, y, z, indexing='ij')", (2,), (3,), (1,)),
        said("np.meshgrid(x, y, sparse=True)", (2,), (3,)),
        said("np.meshgrid(x)", (2,)),
    ),
    takes_complex=True,
)
def meshgrid(*xi: Any, copy: Any = True, sparse: Any = False, indexing: Any = "xy") -> Any:
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


# ---- taken apart ---------------------------------------------------------------------------------


@composite(
    np.array_split,
    samples=(
        said("np.array_split(x, 3)", (7,)),
        said("np.array_split(x, 2, axis=1)", (2, 4)),
        said("np.array_split(x, [1, 3])", (5,)),
        said("np.array_split(x, 3)", (2,)),
    ),
    takes_complex=True,
)
def array_split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> Any:
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
        said("np.split(x, 3)", (6,)),
        said("np.split(x, 2, axis=-1)", (2, 4)),
        said("np.split(x, (1, 3))", (5, 2)),
        said("np.split(x, [2], axis=1)", (2, 3)),
    ),
    takes_complex=True,
)
def split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> Any:
    if isinstance(indices_or_sections, int):
        return _even_parts(ary, indices_or_sections, axis)
    ends = (*indices_or_sections, None)
    starts = (0, *indices_or_sections)
    return [ary[along(ary.ndim, axis, slice(a, b))] for a, b in zip(starts, ends, strict=True)]


def _even_parts(ary: Any, count: Any, axis: Any) -> Any:
    size = ary.shape[axis] // count
    if size * count != ary.shape[axis]:
        raise ValueError("array split does not result in an equal division")
    return [
        ary[along(ary.ndim, axis, slice(k * size if k > 0 else None, (k + 1) * size))]
        for k in numbers(count)
    ]


@composite(
    np.hsplit,
    samples=(said("np.hsplit(x, 2)", (4,)), said("np.hsplit(x, [1])", (2, 3))),
    takes_complex=True,
)
def hsplit(ary: Any, indices_or_sections: Any) -> Any:
    return split(ary, indices_or_sections, 0 if ary.ndim == 1 else 1)


@composite(
    np.vsplit,
    samples=(said("np.vsplit(x, 2)", (4, 2)), said("np.vsplit(x, [1])", (3, 2))),
    takes_complex=True,
)
def vsplit(ary: Any, indices_or_sections: Any) -> Any:
    return split(ary, indices_or_sections, 0)


@composite(np.dsplit, samples=(said("np.dsplit(x, 2)", (2, 1, 4)),), takes_complex=True)
def dsplit(ary: Any, indices_or_sections: Any) -> Any:
    return split(ary, indices_or_sections, 2)


# ---- filled up, with more or fewer elements ------------------------------------------------------


@composite(
    np.resize,
    samples=(
        said("np.resize(x, (2, 3))", (4,)),
        said("np.resize(x, 3)", (2, 3)),
        said("np.resize(x, (2, 2))", ()),
    ),
    takes_complex=True,
)
def resize(a: Any, new_shape: Any) -> Any:
    row = row_of(a)
    shape = new_shape if isinstance(new_shape, tuple) else (new_shape,)
    count = 1
    for n in shape:
        count = count * n
    return np.reshape(row[np.arange(count) % row.size], shape)


@composite(
    np.delete,
    samples=(
        said("np.delete(x, 1)", (4,)),
        said("np.delete(x, -1, axis=1)", (2, 3)),
        said("np.delete(x, [0, 2], axis=0)", (4, 2)),
        said("np.delete(x, slice(0, 3, 2))", (2, 2)),
        said("np.delete(x, y)", (3,), [True, False, True]),
    ),
    takes_complex=True,
)
def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    if axis is None:
        arr, axis = row_of(arr), 0
    keep = np.ones(arr.shape[axis], dtype=bool)
    keep[obj] = False
    return arr[along(arr.ndim, axis, keep)]


@composite(
    np.insert,
    samples=(
        said("np.insert(x, 1, y)", (4,), ()),
        said("np.insert(x, -1, y, axis=1)", (2, 3), (2,)),
        said("np.insert(x, [0, 2], y)", (4,), (2,)),
        said("np.insert(x, [1], y, axis=1)", (2, 3), (2, 1)),
        said("np.insert(x, 1, 5.0)", (2, 2)),
    ),
    takes_complex=True,
)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
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
    samples=(said("np.unstack(x)", [[1.0, 2.0], [3.0, 4.0]]),),
    takes_complex=True,
)
def unstack(x: Any, /, *, axis: Any = 0) -> Any:
    return list(np.moveaxis(x, axis, 0))


@composite(
    np.diagflat,
    samples=(
        said("np.diagflat(x)", (2, 2)),
        said("np.diagflat(x, 1)", (3,)),
        said("np.diagflat(x)", ()),
    ),
    takes_complex=True,
)
def diagflat(v: Any, k: Any = 0) -> Any:
    return np.diag(row_of(v), k)


@composite(
    np.tri,
    samples=(
        said("np.tri(3) * x", ()),
        said("np.tri(2, 4, 1) * x", ()),
        said("np.tri(3, k=-1) * x", (3,)),
    ),
)
def tri(N: Any, M: Any = None, k: Any = 0, dtype: Any = float) -> Any:
    return np.tril(np.ones((N, N if M is None else M), dtype=dtype), k)


@composite(
    np.pad,
    samples=(
        said("np.pad(x, 2)", (3,)),
        said("np.pad(x, ((1, 0), (2, 1)))", (2, 3)),
        said("np.pad(x, (1, 2), constant_values=y)", (3,), ()),
        said("np.pad(x, 1, 'edge')", (2, 3)),
        said("np.pad(x, 2, mode='reflect')", (4,)),
        said("np.pad(x, (0, 2), mode='symmetric')", (3,)),
        said("np.pad(x, ((1, 2), (0, 3)), mode='wrap')", (2, 3)),
        said("np.pad(x, 2, constant_values=((y, 2.0), (-1.0, 0.5)))", (2, 3), ()),
        said("np.pad(x, (2, 3), mode='linear_ramp', end_values=(1.0, y))", (3,), ()),
        said("np.pad(x, 1, mode='mean')", (2, 3)),
        said("np.pad(x, (1, 2), mode='maximum', stat_length=2)", (3,)),
        said("np.pad(x, ((1, 2), (0, 1)), mode='minimum')", (2, 3)),
        said("np.pad(x, 1, mode='median', stat_length=(3, 1))", (2, 4)),
        said("np.pad(x, 2, mode='reflect', reflect_type='odd')", (2, 4)),
        said("np.pad(x, (5, 7), mode='symmetric', reflect_type='odd')", (3,)),
    ),
    takes_complex=True,
)
def pad(
    array: Any,
    pad_width: Any,
    mode: Any = "constant",
    constant_values: Any = 0,
    end_values: Any = 0,
    stat_length: Any = None,
    reflect_type: Any = "even",
) -> Any:
    widths = _widths(pad_width, array.ndim)
    for axis in numbers(array.ndim):
        before, behind = widths[axis]
        if before == 0 and behind == 0:
            continue
        if mode == "constant" and not isinstance(constant_values, tuple | list):
            array = _with_borders(array, axis, before, behind, constant_values)
        elif mode == "constant":
            first, last = _pair_for(constant_values, axis, array.ndim)
            array = _between(
                array, axis, _lines(array, axis, before, first), _lines(array, axis, behind, last)
            )
        elif mode == "linear_ramp":
            first, last = _pair_for(end_values, axis, array.ndim)
            front = _ramp(first, array[along(array.ndim, axis, slice(None, 1))], before, axis)
            back = _ramp(last, array[along(array.ndim, axis, slice(-1, None))], behind, axis)
            array = _between(array, axis, front, np.flip(back, axis))
        elif mode in ("maximum", "minimum", "mean", "median"):
            ends = (None, None)
            if stat_length is not None:
                ends = _pair_for(stat_length, axis, array.ndim)
            front = _summary(array, axis, ends[0], True, mode)
            back = _summary(array, axis, ends[1], False, mode)
            array = _between(
                array, axis, np.repeat(front, before, axis), np.repeat(back, behind, axis)
            )
        elif mode in ("reflect", "symmetric") and reflect_type == "odd":
            array = _turned_round(array, axis, before, behind, mode)
        elif mode in ("edge", "reflect", "symmetric", "wrap"):
            place = _mirrored(
                np.arange(-before, array.shape[axis] + behind), array.shape[axis], mode
            )
            array = array[along(array.ndim, axis, place)]
        else:
            refuse(f"np.pad takes no mode {mode!r} here", "Use np.concatenate.")
    return array


def _pair_for(values: Any, axis: Any, ndim: Any) -> Any:
    """The values in front and behind along an axis: given for all, as a pair, or as a pair for each axis."""
    if not isinstance(values, tuple | list):
        return values, values
    if not isinstance(values[0], tuple | list):
        return values[0], values[len(values) - 1]
    own = values[axis] if len(values) == ndim else values[0]
    return own[0], own[len(own) - 1]


def _lines(array: Any, axis: Any, count: Any, value: Any) -> Any:
    shape = tuple(count if k == axis else array.shape[k] for k in numbers(array.ndim))
    return np.full(shape, value, dtype=array.dtype)


def _between(array: Any, axis: Any, front: Any, back: Any) -> Any:
    return np.concatenate((front.astype(array.dtype), array, back.astype(array.dtype)), axis=axis)


def _ramp(end: Any, edge: Any, count: Any, axis: Any) -> Any:
    """From an end to the edge, which is not there."""
    share = np.arange(count)[broadcast_place(edge.ndim, axis)] / max(count, 1)
    found = end + (edge - end) * share
    return np.floor(found) if edge.dtype.kind in "iu" else found


def _summary(array: Any, axis: Any, count: Any, is_front: Any, mode: Any) -> Any:
    """The mean or an extreme of the elements next to an end."""
    part = array
    if count is not None:
        own = slice(None, count) if is_front else slice(-count, None)
        part = array[along(array.ndim, axis, own)]
    if mode == "maximum":
        return np.max(part, axis=axis, keepdims=True)
    if mode == "minimum":
        return np.min(part, axis=axis, keepdims=True)
    if mode == "mean":
        found = np.mean(part, axis=axis, keepdims=True)
    else:
        found = np.median(part, axis=axis, keepdims=True)
    return np.rint(found) if array.dtype.kind in "iu" else found


def _with_borders(array: Any, axis: Any, before: Any, behind: Any, value: Any) -> Any:
    shape = tuple(
        array.shape[k] + (before + behind) if k == axis else array.shape[k]
        for k in numbers(array.ndim)
    )
    is_zero = isinstance(value, int) and value == 0
    padded = np.zeros(shape, array.dtype) if is_zero else np.full(shape, value, dtype=array.dtype)
    padded[along(array.ndim, axis, slice(before, before + array.shape[axis]))] = array
    return padded


def _turned_round(array: Any, axis: Any, before: Any, behind: Any, mode: Any) -> Any:
    """Mirrored at its ends in both directions: behind the last it is twice the last less what is mirrored."""
    n = array.shape[axis]
    place = np.arange(-before, n + behind)
    period = max(n - 1, 1) if mode == "reflect" else n
    turn = place // period
    back = turn % 2 == 1
    rest = place - period * turn
    inner = array[along(array.ndim, axis, np.where(back, n - 1 - rest, rest))]
    first = array[along(array.ndim, axis, slice(None, 1))]
    last = array[along(array.ndim, axis, slice(-1, None))]
    column = broadcast_place(array.ndim, axis)
    shift = (turn - turn % 2).astype(array.dtype)[column] * (last - first)
    return np.where(back[column], 2 * last - inner, inner) + shift


def _mirrored(place: Any, n: Any, mode: Any) -> Any:
    """Where the element is that stands at a place in front of or behind n others."""
    if mode == "edge":
        return np.clip(place, 0, n - 1)
    if mode == "wrap":
        return place % n
    if mode == "reflect":
        period = max(2 * n - 2, 1)
        place = place % period
        return np.minimum(place, period - place)
    place = place % (2 * n)
    return np.minimum(place, 2 * n - 1 - place)


@evaluated
def _widths(pad_width: Any, ndim: int) -> tuple[tuple[int, int], ...]:
    if isinstance(pad_width, dict):
        found = [pad_width.get(k, pad_width.get(k - ndim, 0)) for k in range(ndim)]
        pairs = [(w, w) if isinstance(w, int) else tuple(w) for w in found]  # type: ignore[arg-type]
    else:
        pairs = np.broadcast_to(array(pad_width), (ndim, 2)).tolist()
    return tuple((int(a), int(b)) for a, b in pairs)


# ---- elements in a row -----------------------------------------------------------------------------


def _in_order(a: Any, order: Any) -> Any:
    if order in ("C", None):
        return np.ravel(a)
    if order == "F":
        return np.ravel(np.transpose(a))
    return refuse(
        f"elements are taken in the order 'C' or 'F' here, not {order!r}", "Leave it out."
    )


@composite(
    np.ravel,
    method="ravel",
    given=("order",),
    samples=(said("np.ravel(x, 'F') * np.arange(6.0)", (2, 3)), said("x.ravel('C')", (2, 3))),
    takes_complex=True,
)
def ravel_in_order(a: Any, order: Any = "C") -> Any:
    return _in_order(array(a), order)


@composite(method="view", samples=(said("x.view() * 2.0", (2, 3)),), takes_complex=True)
def view_of(a: Any) -> Any:
    return a[...]


@composite(
    method="flatten",
    given=("order",),
    samples=(said("x.flatten(order='F') * np.arange(6.0)", (2, 3)),),
    takes_complex=True,
)
def flatten_in_order(a: Any, order: Any = "C") -> Any:
    return _in_order(a, order).copy()


@composite(
    method="item",
    given=("index",),
    samples=(
        said("x.item(4)", (2, 3)),
        said("x.item(1, -1) * 2.0", (2, 3)),
        said("x.item((1, 0))", (2, 3)),
    ),
    takes_complex=True,
)
def item_at(a: Any, index: Any, *others: Any) -> Any:
    if isinstance(index, tuple):
        return a[index].item()
    if len(others) > 0:
        return a[(index, *others)].item()
    return np.ravel(a)[index].item()


@composite(
    method="reshape",
    given=("order", "copy"),
    samples=(
        said("x.reshape(3, 2, order='F') * np.arange(2.0)", (2, 3)),
        said("x.reshape((-1,), order='C')", (2, 3)),
    ),
    takes_complex=True,
)
def reshaped_in_order(a: Any, *shape: Any, order: Any = "C", copy: Any = None) -> Any:
    return reshape_in_order(a, shape[0] if len(shape) == 1 else shape, order, copy)


@composite(
    np.reshape,
    given=("order", "copy"),
    samples=(said("np.reshape(x, (3, -1), order='F') * np.arange(2.0)", (2, 3)),),
    takes_complex=True,
)
def reshape_in_order(a: Any, shape: Any, order: Any = "C", copy: Any = None) -> Any:
    lengths = shape if isinstance(shape, tuple | list) else (shape,)
    if order == "C":
        made = np.reshape(a, tuple(lengths))
        return made.copy() if copy else made
    if order != "F":
        refuse(f"elements are taken in the order 'C' or 'F' here, not {order!r}", "Leave it out.")
    return np.transpose(np.reshape(np.transpose(a), tuple(lengths[::-1])))
