"""Gather and scatter: `np.take`, `np.compress`, `np.choose`, `np.select`, `np.take_along_axis`, `np.put`, ..."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.ops.core.registry import composite, refuse
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.compile_time import (
    along,
    array,
    axis_in,
    broadcast_place,
    in_dtype,
    numbers,
    row_of,
)

# ---- by indices ----------------------------------------------------------------------------------


@composite(
    np.take,
    method="take",
    samples=(
        call("np.take(x, [2, 0, 2])", (4,)),
        call("np.take(x, y)", (2, 3), [[5, 0], [1, -1]]),
        call("np.take(x, y, axis=1)", (2, 3), [[2, 0], [1, 1]]),
        call("np.take(x, 1, axis=-2)", (2, 3)),
        call("np.take(x, y, mode='wrap')", (3,), [4, -5, 1]),
        call("x.take(y, 0, mode='clip')", (3, 2), [4, -5, 1]),
    ),
    takes_complex=True,
)
def take(a, indices, axis=None, mode="raise"):
    if axis is None:
        a, axis = row_of(a), 0
    return array(a)[along(np.ndim(a), axis, _inside(array(indices), a.shape[axis], mode))]


def _inside(places, n, mode):
    if mode == "wrap":
        return places % n
    if mode == "clip":
        return np.clip(places, 0, n - 1)
    return places


@composite(
    "numpy.lib.stride_tricks.sliding_window_view",
    samples=(
        call("np.lib.stride_tricks.sliding_window_view(x, 3)", (5,)),
        call("np.lib.stride_tricks.sliding_window_view(x, (2, 3))", (3, 4)),
        call("np.lib.stride_tricks.sliding_window_view(x, 2, axis=-2)", (2, 3, 2)),
        call("np.lib.stride_tricks.sliding_window_view(x, (2, 1), axis=(1, 0))", (2, 3)),
    ),
    takes_complex=True,
)
def sliding_window_view(x, window_shape, axis=None):
    """A copy, which may be written."""
    sizes = window_shape if isinstance(window_shape, tuple) else (window_shape,)
    axes = numbers(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if len(sizes) != len(axes):
        refuse("a window has one length for each axis that it slides along", "Say all of them.")
    windows = x
    for k in numbers(len(sizes)):
        at = axis_in(axes[k], x.ndim)
        if windows.shape[at] < sizes[k]:
            raise ValueError("window shape cannot be larger than input array shape")
        starts = np.arange(windows.shape[at] - sizes[k] + 1)
        windows = windows[along(windows.ndim, at, starts[:, None] + np.arange(sizes[k]))]
        if at + 2 < windows.ndim:
            windows = np.moveaxis(windows, at + 1, -1)
    return windows


@composite(
    np.compress,
    samples=(
        call("np.compress(x > 0.3, x)", (5,)),
        call("np.compress([True, False, True], x, axis=0)", (3, 2)),
        call("np.compress([False, True], x, axis=1)", (2, 3)),
    ),
    takes_complex=True,
)
def compress(condition, a, axis=None):
    if axis is None:
        a, axis = row_of(a), 0
    return a[along(a.ndim, axis, np.flatnonzero(array(condition)))]


@composite(
    method="compress", samples=(call("x.compress([True, False, True])", (3,)),), takes_complex=True
)
def compressed(a, condition, axis=None):
    return compress(condition, a, axis)


@composite(
    np.extract,
    samples=(call("np.extract(x > 0.0, x)", (5,)), call("np.extract(x > 0.0, y)", (2, 2), (2, 2))),
    takes_complex=True,
)
def extract(condition, arr):
    return row_of(arr)[np.flatnonzero(row_of(condition))]


@composite(
    np.choose,
    samples=(
        call("np.choose(x, (y, z))", [0, 1, 1], (3,), (3,)),
        call("np.choose(x, [y, z, 2.0])", [[0, 1], [2, 1]], (2,), ()),
        call("np.choose(x, (y, z), mode='clip')", [-1, 1, 4], (3,), (3,)),
    ),
    takes_complex=True,
)
def choose_from(a, choices, out=None, mode="raise"):
    count = len(choices)
    places = _inside(array(a), count, mode)
    if mode == "raise" and np.any((places < 0) | (places >= count)):
        raise ValueError("invalid entry in choice array")
    chosen = choices[count - 1]
    for k in numbers(count - 2, -1, -1):
        chosen = np.where(places == k, choices[k], chosen)
    return in_dtype(chosen, np.result_type(*choices))


@composite(
    method="choose", samples=(call("x.choose((y, z))", [0, 1, 1], (3,), (3,)),), takes_complex=True
)
def chosen(a, choices, out=None, mode="raise"):
    return choose_from(a, choices, out, mode)


@composite(
    np.select,
    samples=(
        call("np.select([x > 1.0, x > 0.0], [x**2, y])", (6,), (6,)),
        call("np.select([x > 1.0, x > 0.0], [x, y], default=-1.0)", (2, 3), (3,)),
        call("np.select([x > 1.0, x > 0.0], [x, 2.0], default=-1.0)", (2, 3)),
    ),
    takes_complex=True,
)
def select(condlist, choicelist, default=0):
    selected = default
    for k in numbers(len(condlist) - 1, -1, -1):
        selected = np.where(condlist[k], choicelist[k], selected)
    return in_dtype(selected, np.result_type(*choicelist, default))


@composite(
    np.piecewise,
    samples=(
        call("np.piecewise(x, [x < 0.0, x >= 1.0], [lambda t: t**2, 3.0, np.sin])", (6,)),
        call("np.piecewise(x, [x < 0.0], [lambda t, k: k * t], 2.5)", (5,)),
    ),
    takes_complex=True,
)
def piecewise(x, condlist, funclist, *args, **kw):
    conditions = condlist if isinstance(condlist, list) else [condlist]
    result = np.zeros_like(x)
    others = np.ones(x.shape, dtype=bool)
    for k in numbers(len(funclist)):
        if k < len(conditions):
            places = np.nonzero(conditions[k])
            others = others & ~conditions[k]
        else:
            places = np.nonzero(others)
        if callable(funclist[k]):
            result[places] = funclist[k](x[places], *args, **kw)
        else:
            result[places] = funclist[k]
    return result


# ---- along an axis -------------------------------------------------------------------------------


@composite(
    np.take_along_axis,
    samples=(
        call("np.take_along_axis(x, y, 1)", (2, 3), [[2, 0], [1, 1]]),
        call("np.take_along_axis(x, np.argsort(x, axis=0, kind='stable'), axis=0)", (3, 2)),
        call("np.take_along_axis(x, y, 1)", (2, 3), [[1]]),
        call("np.take_along_axis(x, y, axis=None)", (2, 3), [4, 0, 4]),
        call("np.take_along_axis(x, y, -1)", (3,), [2, 2]),
    ),
    takes_complex=True,
)
def take_along_axis(arr, indices, axis=-1):
    if axis is None:
        arr, axis = row_of(arr), 0
    return arr[places_along(arr, indices, axis)]


def places_along(arr, indices, axis):
    """The subscript by `indices` along one axis, and by its own index along each other axis."""
    own = axis_in(axis, arr.ndim)
    return tuple(
        indices if k == own else np.arange(arr.shape[k])[broadcast_place(arr.ndim, k)]
        for k in numbers(arr.ndim)
    )


# ---- scatters ------------------------------------------------------------------------------------


def written(statement: str, *operands: Any, **fields: Any) -> Any:
    """A sample of a statement that writes: it writes into `z`, a copy of `x`, and returns `z`."""
    return call(f"(z := x.copy(), {statement}, z)[2]", *operands, **fields)


@composite(
    np.put_along_axis,
    samples=(
        written("np.put_along_axis(z, np.array([[2, 0], [1, 2]]), y, 1)", (2, 3), (2, 2)),
        written("np.put_along_axis(z, np.array([1]), 0.5, 0)", (3,)),
        written("np.put_along_axis(z, np.array([4, 0]), y, None)", (2, 3), (2,)),
    ),
    takes_complex=True,
)
def put_along_axis(arr, indices, values, axis):
    if axis is None:
        arr, axis = arr if arr.ndim == 1 else np.reshape(arr, -1), 0
    arr[places_along(arr, indices, axis)] = values


@composite(
    np.put,
    method="put",
    samples=(
        written("np.put(z, [2, 0], y)", (4,), (2,)),
        written("z.put([1], 0.5)", (4,)),
        written("np.put(z, [5, -9], y, mode='clip')", (4,), (2,)),
        written("np.put(z, [3, 0], y)", (2, 2), (2,)),
        written("np.put(z, [2, 0, 1], y)", (4,), (2,)),
    ),
    takes_complex=True,
)
def put(a, ind, v, mode="raise"):
    places, values = row_of(array(ind)), row_of(array(v))
    row = a if a.ndim == 1 else np.reshape(a, -1)
    if places.shape[0] != values.shape[0]:
        values = values[np.arange(places.shape[0]) % values.shape[0]]
    row[_inside(places, row.shape[0], mode)] = values


@composite(
    np.place,
    samples=(
        written("np.place(z, z > 0.0, [0.25])", (2, 3)),
        written("np.place(z, np.array([True, False, True]), y)", (3,), (2,)),
    ),
    takes_complex=True,
)
def place(arr, mask, vals):
    values = row_of(array(vals))
    places = np.nonzero(mask)
    arr[places] = values[np.arange(places[0].shape[0]) % values.shape[0]]


@composite(
    np.putmask,
    samples=(
        written("np.putmask(z, z > 0.0, y)", (2, 3), (2, 3)),
        written("np.putmask(z, z > 0.0, 0.25)", (4,)),
    ),
    takes_complex=True,
)
def putmask(a, mask, values):
    if np.ndim(values) == 0:
        a[np.nonzero(mask)] = values
    else:
        places = np.nonzero(mask)
        a[places] = np.reshape(np.resize(values, a.shape), a.shape)[places]


@composite(
    np.fill_diagonal,
    samples=(
        written("np.fill_diagonal(z, 0.5)", (3, 3)),
        written("np.fill_diagonal(z, y)", (2, 3), (2,)),
    ),
    takes_complex=True,
)
def fill_diagonal(a, val, wrap=False):
    if wrap or a.ndim > 2:
        refuse("np.fill_diagonal takes matrices here, and no wrap=", "Write a[i, i] = v.")
    places = np.arange(min(a.shape[0], a.shape[1]))
    a[places, places] = val


@composite(
    np.copyto,
    given=("where",),
    samples=(written("np.copyto(z, y, where=x > 0.0)", (4,), (4,)),),
    takes_complex=True,
)
def copyto(dst, src, casting="same_kind", where=True):
    places = np.nonzero(np.broadcast_to(where, np.shape(dst)))
    dst[places] = np.broadcast_to(src, np.shape(dst))[places]
