"""Compile-time helpers of composites: Python computes axes and subscripts while a function is read."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.ops.core.axes import axes_of
from srcdiff.ops.core.registry import evaluated


@evaluated
def axis_in(axis: int, ndim: int) -> int:
    """An axis counted from the front."""
    (found,) = axes_of(ndim, axis)
    return found


@evaluated
def all_axes(axis: object, ndim: int) -> tuple[int, ...]:
    """Axes counted from the front; None means all axes."""
    return tuple(axes_of(ndim, axis))


@evaluated
def other_axes(axis: object, ndim: int) -> tuple[int, ...]:
    """The other axes."""
    return tuple(k for k in range(ndim) if k not in axes_of(ndim, axis))


@evaluated
def permutation(ndim: int, axis: int, to: int) -> tuple[int, ...]:
    """The order of axes after one of them moves to another place, as in `np.moveaxis`."""
    rest = [k for k in range(ndim) if k != axis % ndim]
    rest.insert(to % ndim, axis % ndim)
    return tuple(rest)


@evaluated
def numbers(*bounds: int) -> tuple[int, ...]:
    """A range as a tuple, because loops over containers are unrolled."""
    return tuple(range(*bounds))


@evaluated
def largest(*found: int) -> int:
    return max(found)


@evaluated
def broadcast_place(ndim: int, axis: int) -> tuple[Any, ...]:
    """The subscript that places a vector along one of `ndim` axes: `(None, slice(None), None)`."""
    return tuple(slice(None) if k == axis else None for k in range(ndim))


def array(a):
    """A list or tuple as an array; arrays and numbers stay."""
    return np.asarray(a) if isinstance(a, (list, tuple)) else a


def vector(a):
    """A list or a number as a vector."""
    a = array(a)
    return a if np.ndim(a) == 1 else np.atleast_1d(a)


def in_dtype(value, dtype):
    """A value in the dtype that NumPy gives it: the result of Python numbers alone is wider than next to arrays."""
    is_python = type(value) is float or type(value) is int
    return value if is_python or value.dtype == dtype else value.astype(dtype)


def row_of(a):
    """All elements in C order, as a vector."""
    return a if np.ndim(a) == 1 else np.ravel(a)


def slice_shape(a, axis):
    """The shape of an array after its length along one axis becomes 1."""
    return tuple(1 if k == axis_in(axis, a.ndim) else a.shape[k] for k in numbers(a.ndim))


def along(ndim, axis, *part):
    """The subscript of a part along one axis: `along(3, 1, slice(2, None))` is `[:, 2:]`."""
    return (slice(None),) * axis_in(axis, ndim) + part
