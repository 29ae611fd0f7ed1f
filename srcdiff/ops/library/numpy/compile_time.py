"""What Python computes for composites while a function is read: axes, and places along them."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.ops.core.axes import axes_of
from srcdiff.ops.core.registry import evaluated

__all__ = [
    "all_axes",
    "along",
    "array",
    "axis_in",
    "broadcast_place",
    "in_dtype",
    "largest",
    "numbers",
    "other_axes",
    "permutation",
    "row_of",
    "slice_shape",
    "vector",
]


@evaluated
def axis_in(axis: int, ndim: int) -> int:
    """An axis as a number from 0 on."""
    (found,) = axes_of(ndim, axis)
    return found


@evaluated
def all_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """Axes as numbers from 0 on; None for all of them."""
    return tuple(axes_of(ndim, axis))


@evaluated
def other_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes that these are not."""
    return tuple(k for k in range(ndim) if k not in axes_of(ndim, axis))


@evaluated
def permutation(ndim: int, axis: int, to: int) -> tuple[int, ...]:
    """The order of axes in which one of them stands elsewhere, as `np.moveaxis` has it."""
    rest = [k for k in range(ndim) if k != axis % ndim]
    rest.insert(to % ndim, axis % ndim)
    return tuple(rest)


@evaluated
def numbers(*bounds: int) -> tuple[int, ...]:
    """A range to go through step by step: loops over containers are written out."""
    return tuple(range(*bounds))


@evaluated
def largest(*found: int) -> int:
    return max(found)


@evaluated
def broadcast_place(ndim: int, axis: int) -> tuple[Any, ...]:
    """The subscript by which a vector lies along one axis of so many: `(None, slice(None), None)`."""
    return tuple(slice(None) if k == axis else None for k in range(ndim))


def array(a: Any) -> Any:
    """An array of a list or tuple; arrays and numbers are as they are."""
    return np.asarray(a) if isinstance(a, (list, tuple)) else a


def vector(a: Any) -> Any:
    """A vector of a list, or of a number."""
    a = array(a)
    return a if np.ndim(a) == 1 else np.atleast_1d(a)


def in_dtype(value: Any, dtype: Any) -> Any:
    """A value in the dtype that NumPy gives it: what is made of Python's numbers alone is wider than beside others."""
    is_python = type(value) is float or type(value) is int
    return value if is_python or value.dtype == dtype else value.astype(dtype)


def row_of(a: Any) -> Any:
    """All elements in their order."""
    return a if np.ndim(a) == 1 else np.ravel(a)


def slice_shape(a: Any, axis: Any) -> Any:
    """The shape of an array that has one entry along an axis."""
    return tuple(1 if k == axis_in(axis, a.ndim) else a.shape[k] for k in numbers(a.ndim))


def along(ndim: Any, axis: Any, *part: Any) -> Any:
    """The subscript of what lies along one axis: `along(3, 1, slice(2, None))` is `[:, 2:]`."""
    return (slice(None),) * axis_in(axis, ndim) + part
