"""Rare argument forms of functions that are operations: `np.linspace(a, b, axis=1)`, `np.concatenate(a)` of an array's
rows, `np.repeat(x, [1, 0, 2])`, `np.nan_to_num(x, nan=1.0)`, ...
"""

from __future__ import annotations

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
from srcdiff.ops.library.ufuncs.reduce_where import cast

# ---- spaced numbers ------------------------------------------------------------------------------


@composite(
    np.linspace,
    given=("endpoint", "retstep", "dtype", "axis"),
    ndim=0,
    at=(0, 1),
    samples=(
        call("np.linspace(x, y, 4, endpoint=False)", (), ()),
        call("np.linspace(x, y, 3)", (2,), (2,)),
        call("np.linspace(x, 1.5, 3, axis=-1)", (2, 2)),
        call("np.linspace(0.5, x, num=4, retstep=True)", ()),
        call("np.linspace(0.5, x, 3)", (2,)),
    ),
    takes_complex=True,
)
def linspace_along(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    start, stop = array(start), array(stop)
    step = (stop - start) / (num - 1 if endpoint else num)
    count = np.arange(num)
    if np.ndim(step) > 0:
        count = count[broadcast_place(np.ndim(step) + 1, 0)].astype(step.dtype)
    found = start + count * step
    if endpoint:
        found[-1] = stop
    found = in_dtype(found, np.result_type(start, stop, 1.0) if dtype is None else dtype)
    if axis != 0:
        found = np.moveaxis(found, 0, axis)
    return (found, step) if retstep else found


@composite(
    np.full,
    ndim=0,
    at=1,
    samples=(call("np.full((2, 3), x)", (3,)), call("np.full((2, 3), x, dtype=float)", (2, 1))),
    takes_complex=True,
)
def full_of(shape, fill_value, dtype=None):
    return np.broadcast_to(cast(array(fill_value), dtype), shape).copy()


@composite(
    np.full_like,
    given=("order", "subok", "shape"),
    ndim=0,
    at=1,
    samples=(
        call("np.full_like(y, x)", (3,), (2, 3), wrt=(0,)),
        call("np.full_like(y, x, shape=(2, 2))", (), (3,), wrt=(0,)),
    ),
    takes_complex=True,
)
def full_like_of(a, fill_value, dtype=None, order="K", subok=True, shape=None):
    a = array(a)
    shape = a.shape if shape is None else shape
    value = array(fill_value)
    filled = np.full(shape, value) if np.ndim(value) == 0 else np.broadcast_to(value, shape).copy()
    return cast(filled, a.dtype if dtype is None else dtype)


def _is_like(function, made):
    """Declare `np.zeros_like(x, shape=...)` and similar: the dtype of an array, with another shape."""

    def like(a, dtype=None, order="K", subok=True, shape=None):
        a = array(a)
        return made(a.shape if shape is None else shape, a.dtype if dtype is None else dtype)

    name = function.__name__
    like.__name__ = f"{name}_of"
    sample = call(f"(z := np.{name}(x, shape=(2, 3)), np.copyto(z, x), z)[2]", (3,))
    composite(
        function,
        given=("order", "subok", "shape"),
        names={"prototype": "a"},
        samples=(sample,),
        takes_complex=True,
    )(like)


_is_like(np.zeros_like, np.zeros)
_is_like(np.ones_like, np.ones)
_is_like(np.empty_like, np.empty)


# ---- joined rows of an array ---------------------------------------------------------------------


@composite(
    np.concatenate,
    getattr(np, "concat", None),
    given=("dtype", "casting", "axis=None"),
    ndim=0,
    samples=(
        call("np.concatenate(x)", (2, 3)),
        call("np.concatenate(x, axis=1)", (2, 2, 3)),
        call("np.concatenate((x, y), axis=None)", (2, 3), (2,)),
        call("np.concatenate((x, y), dtype=np.float64)", (2,), (3,)),
    ),
    takes_complex=True,
)
def concatenate_of(arrays, axis=0, out=None, dtype=None, casting="same_kind"):
    if isinstance(arrays, (list, tuple)):
        parts = tuple(cast(array(a), dtype) for a in arrays)
        if axis is None:
            return np.concatenate(tuple(np.ravel(a) for a in parts))
        return np.concatenate(parts, axis=axis)
    if axis is None:
        return np.ravel(cast(arrays, dtype)).copy()
    return _joined(cast(arrays, dtype), axis)


@composite(
    np.stack,
    given=("dtype", "casting"),
    ndim=0,
    samples=(call("np.stack(x, axis=1)", (2, 3)), call("np.stack((x, x), dtype=float)", (2,))),
    takes_complex=True,
)
def stack_of(arrays, axis=0, out=None, *, dtype=None, casting="same_kind"):
    if isinstance(arrays, (list, tuple)):
        return np.stack(tuple(cast(array(a), dtype) for a in arrays), axis=axis)
    return np.moveaxis(cast(arrays, dtype), 0, axis).copy()


@composite(
    np.hstack,
    given=("dtype", "casting"),
    ndim=0,
    samples=(call("np.hstack(x)", (2, 3)), call("np.hstack(x)", (2, 1, 2))),
    takes_complex=True,
)
def hstack_of(tup, *, dtype=None, casting="same_kind"):
    if isinstance(tup, (list, tuple)):
        return np.hstack(tuple(cast(array(a), dtype) for a in tup))
    a = cast(tup, dtype)
    return a.copy() if a.ndim == 1 else _joined(a, 0 if a.ndim == 2 else 1)


@composite(
    np.vstack,
    getattr(np, "row_stack", None),
    given=("dtype", "casting"),
    ndim=0,
    samples=(call("np.vstack(x)", (2, 3)), call("np.vstack(x)", (2, 1, 2))),
    takes_complex=True,
)
def vstack_of(tup, *, dtype=None, casting="same_kind"):
    if isinstance(tup, (list, tuple)):
        return np.vstack(tuple(cast(array(a), dtype) for a in tup))
    a = cast(tup, dtype)
    return a[:, None].copy() if a.ndim == 1 else a.copy() if a.ndim == 2 else _joined(a, 0)


@composite(
    np.column_stack,
    given=(),
    ndim=0,
    samples=(call("np.column_stack(x)", (2, 3)), call("np.column_stack(x)", (2, 1, 2))),
    takes_complex=True,
)
def column_stack_of(tup):
    return tup[None].copy() if tup.ndim == 1 else tup.T.copy() if tup.ndim == 2 else _joined(tup, 1)


def _joined(a, axis):
    """The rows of an array, joined along one of their axes."""
    if a.ndim == 1:
        refuse("zero-dimensional arrays cannot be concatenated", "Use np.stack, or the array.")
    k = axis_in(axis, a.ndim - 1)
    moved = np.moveaxis(a, 0, k)
    shape = tuple(
        a.shape[0] * moved.shape[j + 1] if j == k else moved.shape[j if j < k else j + 1]
        for j in numbers(a.ndim - 1)
    )
    return np.reshape(moved, shape).copy()


# ---- repeated elements ----------------------------------------------------------------------------


@composite(
    np.repeat,
    method="repeat",
    ndim=0,
    at=1,
    samples=(
        call("np.repeat(x, [1, 0, 2])", (3,)),
        call("np.repeat(x, y, axis=1)", (2, 3), [2, 0, 1]),
        call("x.repeat([2], axis=0)", (2, 3)),
    ),
    takes_complex=True,
)
def repeat_each(a, repeats, axis=None):
    a = array(a)
    row = row_of(a) if axis is None else a
    k = axis_in(0 if axis is None else axis, row.ndim)
    ends = np.cumsum(np.broadcast_to(array(repeats), (row.shape[k],)))
    place = np.searchsorted(ends, np.arange(ends[-1]), side="right")
    return row[along(row.ndim, k, place)]


# ---- others --------------------------------------------------------------------------------------


@composite(
    np.nan_to_num,
    given=("copy", "nan", "posinf", "neginf"),
    samples=(
        call("np.nan_to_num(x, nan=y)", [1.0, np.nan, np.nan], 0.5),
        call("np.nan_to_num(x, nan=0.5, posinf=y, neginf=-1.0)", [1.0, np.inf, -np.inf], 0.5),
        call("np.nan_to_num(x, True)", (3,)),
    ),
    of_complex=True,
)
def nan_to_num_as(x, copy=True, nan=0.0, posinf=None, neginf=None):
    if copy is not True:
        refuse("np.nan_to_num(copy=False) writes its argument", "Write x[...] = np.nan_to_num(x).")
    x = array(x)
    if x.dtype.kind == "c":
        real, imag = np.real(x), np.imag(x)
        one = nan_to_num_as(real, copy, nan, posinf, neginf)
        return one + 1j * nan_to_num_as(imag, copy, nan, posinf, neginf)
    found = np.where(np.isnan(x), nan, x)
    if posinf is not None:
        found = np.where(x == np.inf, posinf, found)
    if neginf is not None:
        found = np.where(x == -np.inf, neginf, found)
    return np.nan_to_num(found) if posinf is None or neginf is None else found


@composite(
    np.size,
    given=("axis",),
    samples=(call("np.size(x, 1) * x", (2, 3)), call("np.size(x, axis=(0, 1)) * x", (2, 3))),
    takes_complex=True,
)
def size_along(a, axis=None):
    a = array(a)
    if axis is None:
        return np.size(a)
    total = 1
    for k in axis if isinstance(axis, tuple) else (axis,):
        total = total * a.shape[k]
    return total


@composite(
    method="astype",
    given=("order", "casting", "subok", "copy"),
    samples=(call("x.astype(np.float64, copy=False)", (3,)),),
    takes_complex=True,
)
def astype_method(a, dtype, order="K", casting="unsafe", subok=True, copy=True):
    return a.astype(dtype) if copy else np.asarray(a, dtype=dtype)


# ---- products and factors ------------------------------------------------------------------------


@composite(
    np.cross,
    given=("axisa", "axisb", "axisc", "axis"),
    samples=(
        call("np.cross(x, y, axis=0)", (3, 2), (3, 2)),
        call("np.cross(x, y, axisa=0, axisb=1, axisc=0)", (3, 2), (2, 3)),
    ),
    takes_complex=True,
)
def cross_along(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    first, second, last = (axisa, axisb, axisc) if axis is None else (axis, axis, axis)
    a, b = np.moveaxis(array(a), first, -1), np.moveaxis(array(b), second, -1)
    return np.moveaxis(np.cross(a, b), -1, last)


@composite(
    np.dot,
    method="dot",
    ndim=2,
    at=(0, 1),
    samples=(
        call("np.dot(x, y)", (2, 2, 3), (3, 2)),
        call("np.dot(x, y)", (2, 2, 3), (3,)),
        call("np.dot(x, y)", (2, 3), (2, 3, 2)),
        call("np.dot(x, y)", (3,), (2, 3, 2)),
    ),
    takes_complex=True,
)
def dot_of_stacks(a, b):
    a, b = array(a), array(b)
    if np.ndim(b) == 0:
        return a * b
    return np.tensordot(a, b, axes=((a.ndim - 1,), (max(b.ndim - 2, 0),)))


@composite(
    np.linalg.cholesky,
    given=("upper",),
    samples=(call("np.linalg.cholesky(x @ x.T + 3.0 * np.eye(3), upper=True)", (3, 3)),),
    takes_complex=True,
)
def cholesky_above(a, /, *, upper=False):
    if not upper:
        return np.linalg.cholesky(a)
    factor = np.linalg.cholesky(np.conj(np.swapaxes(a, -1, -2)))
    return np.conj(np.swapaxes(factor, -1, -2))


# ---- towards zero ----------------------------------------------------------------------------------


@composite(np.fix, samples=(call("np.fix(x)", [-1.6, 0.3, 2.7]),))  # Numba has no np.fix
def fix(x, out=None):
    return np.trunc(x)
