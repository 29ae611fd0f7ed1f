"""Sequential ufuncs, such as `np.subtract.accumulate`, and reductions by formulas, such as `np.logaddexp.reduce`."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.ops.core.registry import composite, refuse
from srcdiff.ops.core.samples import call
from srcdiff.ops.elementwise.special import logsumexp
from srcdiff.ops.indices.sorting import running_maximum, running_minimum
from srcdiff.ops.library.compile_time import along, axis_in, broadcast_place, in_dtype
from srcdiff.ops.library.numpy.select import places_along


def _folded(a, dtype, in_floats):
    """The array in the dtype in which the ufunc iterates over it."""
    if dtype is not None:
        return in_dtype(a, dtype)
    return a.astype(float) if in_floats and a.dtype.kind in "iub" else a


def _one_axis(axis, ndim):
    """The axis of a ufunc whose result depends on the order."""
    if axis is None and ndim == 1:
        return 0
    if not isinstance(axis, int):
        refuse("this ufunc is reduced along one axis", "Give axis= a number.")
    return axis_in(axis, ndim)


# ---- reduce --------------------------------------------------------------------------------------


def _log_reduces(ufunc: Any, unit: float) -> None:
    """Declare `np.logaddexp.reduce`, or the same in another base."""

    def reduce(array, axis=0, dtype=None, out=None, keepdims=False, initial=None):
        a = _folded(array, dtype, True)
        if unit == 1.0:
            total = logsumexp(a, axis=axis, keepdims=keepdims)
        else:
            total = logsumexp(unit * a, axis=axis, keepdims=keepdims) / unit
        return total if initial is None else ufunc(total, initial)

    name = ufunc.__name__
    reduce.__name__ = f"{name}_reduce"
    samples = (
        call(f"np.{name}.reduce(x)", (3,)),
        call(f"np.{name}.reduce(x, axis=1)", (2, 3)),
        call(f"np.{name}.reduce(x, axis=(0, 1), initial=0.5)", (2, 3)),
    )
    composite(ufunc.reduce, samples=samples)(reduce)


_log_reduces(np.logaddexp, 1.0)
_log_reduces(np.logaddexp2, float(np.log(2.0)))


def _takes_the_others(ufunc: Any, together: Any, in_floats: bool, low: float) -> None:
    """Declare `ufunc.reduce` as `ufunc` of the first element and of the sum (or product) of the others."""

    def reduce(array, axis=0, dtype=None, out=None, keepdims=False, initial=None):
        a, axis = _folded(array, dtype, in_floats), _one_axis(axis, array.ndim)
        if initial is not None:
            return ufunc(initial, together(a, axis=axis, keepdims=keepdims))
        first, others = _first_and_others(a, axis, keepdims)
        return ufunc(first, together(others, axis=axis, keepdims=keepdims))

    name = ufunc.__name__
    reduce.__name__ = f"{name}_reduce"
    samples = (
        call(f"np.{name}.reduce(x)", (3, 2), low=low),
        call(f"np.{name}.reduce(x, axis=-1, keepdims=True)", (2, 3), low=low),
        call(f"np.{name}.reduce(x, initial=2.0)", (3,), low=low),
    )
    composite(ufunc.reduce, samples=samples, takes_complex=True)(reduce)


def _first_and_others(a, axis, keepdims):
    first = a[along(a.ndim, axis, slice(None, 1) if keepdims else 0)]
    return first, a[along(a.ndim, axis, slice(1, None))]


_takes_the_others(np.subtract, np.sum, False, -2.0)
_takes_the_others(np.divide, np.prod, True, 0.5)


@composite(
    np.hypot.reduce,
    samples=(call("np.hypot.reduce(x)", (3, 2)), call("np.hypot.reduce(x, axis=1)", (2, 3))),
)
def hypot_reduce(array, axis=0, dtype=None, out=None, keepdims=False, initial=None):
    length = np.linalg.norm(_folded(array, dtype, True), axis=axis, keepdims=keepdims)
    return length if initial is None else np.hypot(length, initial)


def _reduces_by_a_loop(ufunc: Any, in_floats: bool, complex_too: bool = False) -> None:
    """Declare `ufunc.reduce` as a loop, for ufuncs without a closed form."""

    def reduce(array, axis=0, dtype=None, out=None, keepdims=False):
        a, axis = _folded(array, dtype, in_floats), _one_axis(axis, array.ndim)
        found = a[along(a.ndim, axis, 0)]
        for k in range(1, a.shape[axis]):
            found = ufunc(found, a[along(a.ndim, axis, k)])
        return np.expand_dims(found, axis) if keepdims else found

    name = ufunc.__name__
    reduce.__name__ = f"{name}_reduce"
    samples = (
        call(f"np.{name}.reduce(x)", (3,), low=0.5),
        call(f"np.{name}.reduce(x, axis=1, keepdims=True)", (2, 3), low=0.5),
    )
    composite(ufunc.reduce, samples=samples, takes_complex=complex_too)(reduce)


# not np.power and np.arctan2: if their loops are vectorised, NumPy's reduction of a vector uses the first element in
# the place of the result so far
_reduces_by_a_loop(np.float_power, True, complex_too=True)


# ---- accumulate ----------------------------------------------------------------------------------


@composite(
    np.add.accumulate,
    samples=(call("np.add.accumulate(x)", (2, 3)), call("np.add.accumulate(x, 1)", (2, 3))),
    takes_complex=True,
)
def add_accumulate(array, axis=0, dtype=None, out=None):
    return np.cumsum(_folded(array, dtype, False), axis=axis)


@composite(
    np.multiply.accumulate,
    samples=(
        call("np.multiply.accumulate(x)", (3,)),
        call("np.multiply.accumulate(x, dtype=np.float32)", (3,), wrt=()),
    ),
    takes_complex=True,
)
def multiply_accumulate(array, axis=0, dtype=None, out=None):
    return np.cumprod(_folded(array, dtype, False), axis=axis)


# the running maximum is gathered from its place: among equal elements, the last
@composite(
    np.maximum.accumulate,
    samples=(
        call("np.maximum.accumulate(x)", (6,)),
        call("np.maximum.accumulate(x, axis=1)", (2, 4)),
        call("np.maximum.accumulate(x)", [1.0, np.nan, 3.0], avoid="NaN"),
        call("np.maximum.accumulate(x)", [1, 3, 2]),
        call(
            "np.maximum.accumulate(x)", [1.0, 1.0, 0.5], avoid="ties", gradients=([1.0, 2.0, 0.0],)
        ),
    ),
    takes_complex=True,
)
def maximum_accumulate(array, axis=0, dtype=None, out=None):
    a, axis = _folded(array, dtype, False), axis_in(axis, array.ndim)
    if a.dtype.kind == "c":
        return _one_by_one(np.maximum, a, axis)
    return _best_so_far(a, axis, running_maximum)


@composite(
    np.minimum.accumulate,
    samples=(call("np.minimum.accumulate(x)", (6,)), call("np.minimum.accumulate(x, 1)", (2, 4))),
    takes_complex=True,
)
def minimum_accumulate(array, axis=0, dtype=None, out=None):
    a, axis = _folded(array, dtype, False), axis_in(axis, array.ndim)
    if a.dtype.kind == "c":
        return _one_by_one(np.minimum, a, axis)
    return _best_so_far(a, axis, running_minimum)


def _best_so_far(a, axis, running):
    best = running(a, axis=axis)
    if a.dtype.kind != "f":
        return best
    k = np.arange(a.shape[axis])[broadcast_place(a.ndim, axis)]
    place = running_maximum(np.where((a == best) | np.isnan(a), k, 0), axis=axis)
    return a[places_along(a, place, axis)]


def _one_by_one(ufunc, a, axis):
    found = a.copy()
    for k in range(1, a.shape[axis]):
        here = along(a.ndim, axis, k)
        found[here] = ufunc(found[along(a.ndim, axis, k - 1)], a[here])
    return found


def _accumulates_by_a_loop(ufunc: Any, in_floats: bool, complex_too: bool = False) -> None:
    """Declare `ufunc.accumulate`: each entry is computed from the one before it."""

    def accumulate(array, axis=0, dtype=None, out=None):
        return _one_by_one(ufunc, _folded(array, dtype, in_floats), axis_in(axis, array.ndim))

    name = ufunc.__name__
    accumulate.__name__ = f"{name}_accumulate"
    samples = (
        call(f"np.{name}.accumulate(x)", (3,), low=0.5),
        call(f"np.{name}.accumulate(x, axis=1)", (2, 3), low=0.5),
    )
    composite(ufunc.accumulate, samples=samples, takes_complex=complex_too)(accumulate)


_accumulates_by_a_loop(np.subtract, False, complex_too=True)
_accumulates_by_a_loop(np.divide, True, complex_too=True)
_accumulates_by_a_loop(np.power, False, complex_too=True)
_accumulates_by_a_loop(np.fmax, False, complex_too=True)
_accumulates_by_a_loop(np.fmin, False, complex_too=True)
_accumulates_by_a_loop(np.logaddexp, True)
_accumulates_by_a_loop(np.logaddexp2, True)
_accumulates_by_a_loop(np.hypot, True)
_accumulates_by_a_loop(np.arctan2, True)
