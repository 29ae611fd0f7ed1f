"""Reductions with `where=`, `initial=` or `dtype=`: `np.sum(x, where=...)`, ..."""

from __future__ import annotations

import numpy as np

from srcdiff.ops.arrays.reductions import max_of_any, min_of_any
from srcdiff.ops.core.registry import composite, refuse
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.compile_time import array, slice_shape
from srcdiff.ops.library.numpy.complex_order import complex_max, complex_min


@composite(
    np.sum,
    method="sum",
    given=("where", "initial", "dtype"),
    samples=(
        call("np.sum(x, where=x > 0.0)", (2, 3)),
        call("np.sum(x, axis=1, initial=2.0)", (2, 3)),
        call("x.sum(axis=0, where=y, keepdims=True)", (3, 2), [True, False]),
        call("np.sum(x, dtype=np.float64)", (3,)),
    ),
    takes_complex=True,
)
def sum_where(a, axis=None, dtype=None, out=None, keepdims=False, initial=None, where=True):
    a = cast(array(a), dtype)
    total = np.sum(_masked(a, where, 0), axis=axis, keepdims=keepdims)
    return total if initial is None else total + initial


@composite(
    np.prod,
    method="prod",
    given=("where", "initial", "dtype"),
    samples=(call("np.prod(x, where=x > 0.0, initial=2.0)", (2, 3)),),
    takes_complex=True,
)
def prod_where(a, axis=None, dtype=None, out=None, keepdims=False, initial=None, where=True):
    a = cast(array(a), dtype)
    product = np.prod(_masked(a, where, 1), axis=axis, keepdims=keepdims)
    return product if initial is None else product * initial


@composite(
    np.mean,
    method="mean",
    given=("where", "dtype"),
    samples=(
        call("np.mean(x, where=x > 0.0)", (2, 3)),
        call("np.mean(x, axis=0, where=y)", (3, 2), [[True, False], [True, True], [False, True]]),
    ),
    takes_complex=True,
)
def mean_where(a, axis=None, dtype=None, out=None, keepdims=False, *, where=True):
    a = cast(array(a), dtype)
    if where is True:
        return np.mean(a, axis=axis, keepdims=keepdims)
    count = np.sum(np.broadcast_to(where, a.shape), axis=axis, keepdims=keepdims)
    total = np.sum(_masked(a, where, 0), axis=axis, keepdims=keepdims)
    return total / (count.astype(a.dtype) if a.dtype in (np.float32, np.complex64) else count)


@composite(
    np.var,
    method="var",
    given=("where", "mean", "correction", "dtype"),
    samples=(
        call("np.var(x, where=x > -1.0)", (2, 3)),
        call("np.var(x, axis=1, correction=1)", (2, 3)),
        call("np.var(x, axis=1, mean=np.mean(x, axis=1, keepdims=True))", (2, 3)),
    ),
    takes_complex=True,
)
def var_where(
    a,
    axis=None,
    dtype=None,
    out=None,
    ddof=0,
    keepdims=False,
    *,
    where=True,
    mean=None,
    correction=None,
):
    a = array(a)
    is_real = a.dtype.kind != "c"
    a = cast(a, dtype)
    if is_real and a.dtype.kind == "c":
        refuse(
            "np.var of real numbers in a complex dtype is not differentiated", "Leave dtype= out."
        )
    less = ddof if correction is None else correction
    if where is True and mean is None:
        return np.var(a, axis=axis, ddof=less, keepdims=keepdims)
    inside = np.broadcast_to(where, a.shape)
    middle = mean_where(a, axis, keepdims=True, where=inside) if mean is None else mean
    centred = np.where(inside, a - middle, 0.0)
    count = np.sum(inside, axis=axis, keepdims=keepdims) - less
    total = np.sum(size_squared(centred), axis=axis, keepdims=keepdims)
    return total / (count.astype(total.dtype) if total.dtype == np.float32 else count)


def size_squared(a):
    if a.dtype.kind == "c":
        return np.real(a) ** 2 + np.imag(a) ** 2
    return a**2


@composite(
    np.std,
    method="std",
    given=("where", "mean", "correction", "dtype"),
    samples=(
        call("np.std(x, where=x > -1.0, ddof=1)", (2, 3)),
        call("np.std(x, correction=1)", (3,)),
    ),
    takes_complex=True,
)
def std_where(
    a,
    axis=None,
    dtype=None,
    out=None,
    ddof=0,
    keepdims=False,
    *,
    where=True,
    mean=None,
    correction=None,
):
    return root_of_variance(
        var_where(
            a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction
        )
    )


@composite(
    np.max,
    np.amax,
    method="max",
    given=("where", "initial"),
    samples=(
        call("np.max(x, initial=0.5)", (4,)),
        call("np.max(x, axis=1, where=x < 1.0, initial=-9.0)", (2, 3)),
        call("np.max(x, axis=0, initial=y)", (0, 3), 0.5),
    ),
    of_complex=True,
)
def max_where(a, axis=None, out=None, keepdims=False, initial=None, where=True):
    a = array(a)
    if initial is None and where is True:
        return complex_max(a, axis, keepdims)
    if initial is None:
        refuse("np.max of a part needs initial=", "Give initial=, the maximum of an empty part.")
    part = _masked(a, where, initial)
    if part.dtype.kind == "c":
        return complex_max(part, axis, keepdims, initial)
    return np.maximum(max_of_any(part, axis=axis, keepdims=keepdims), initial)


@composite(
    np.min,
    np.amin,
    method="min",
    given=("where", "initial"),
    samples=(
        call("np.min(x, initial=0.5)", (4,)),
        call("x.min(initial=9.0, where=x > -1.0)", (4,)),
        call("np.min(x, axis=1, initial=0.5, keepdims=True)", (3, 0)),
    ),
    of_complex=True,
)
def min_where(a, axis=None, out=None, keepdims=False, initial=None, where=True):
    a = array(a)
    if initial is None and where is True:
        return complex_min(a, axis, keepdims)
    if initial is None:
        refuse("np.min of a part needs initial=", "Give initial=, the minimum of an empty part.")
    part = _masked(a, where, initial)
    if part.dtype.kind == "c":
        return complex_min(part, axis, keepdims, initial)
    return np.minimum(min_of_any(part, axis=axis, keepdims=keepdims), initial)


@composite(
    np.any,
    method="any",
    given=("where",),
    samples=(call("np.any(x > 0.0, axis=1, where=[True, False, True])", (2, 3), wrt=()),),
    takes_complex=True,
)
def any_where(a, axis=None, out=None, keepdims=False, *, where=True):
    return np.any(_masked(array(a), where, False), axis=axis, keepdims=keepdims)


@composite(
    np.all,
    method="all",
    given=("where",),
    samples=(call("np.all(x > 0.0, axis=1, where=[True, False, True])", (2, 3), wrt=()),),
    takes_complex=True,
)
def all_where(a, axis=None, out=None, keepdims=False, *, where=True):
    return np.all(_masked(array(a), where, True), axis=axis, keepdims=keepdims)


@composite(
    np.cumsum,
    method="cumsum",
    given=("dtype",),
    samples=(call("np.cumsum(x, axis=1, dtype=np.float64)", (2, 3)),),
    takes_complex=True,
)
def cumsum_of(a, axis=None, dtype=None, out=None):
    return np.cumsum(cast(array(a), dtype), axis=axis)


@composite(
    np.cumprod,
    method="cumprod",
    given=("dtype",),
    samples=(call("np.cumprod(x, dtype=np.float64)", (3,)),),
    takes_complex=True,
)
def cumprod_of(a, axis=None, dtype=None, out=None):
    return np.cumprod(cast(array(a), dtype), axis=axis)


@composite(
    getattr(np, "cumulative_sum", None),
    samples=(
        call("np.cumulative_sum(x)", (3,)),
        call("np.cumulative_sum(x, axis=0, include_initial=True)", (3, 2)),
    ),
    takes_complex=True,
)
def cumulative_sum(x, /, *, axis=None, dtype=None, out=None, include_initial=False):
    x = cast(array(x), dtype)
    sums = np.cumsum(x, axis=0 if axis is None else axis)
    return _with_first(sums, 0 if axis is None else axis, 0) if include_initial else sums


@composite(
    getattr(np, "cumulative_prod", None),
    samples=(
        call("np.cumulative_prod(x)", (3,)),
        call("np.cumulative_prod(x, axis=1, include_initial=True)", (3, 2)),
    ),
    takes_complex=True,
)
def cumulative_prod(x, /, *, axis=None, dtype=None, out=None, include_initial=False):
    x = cast(array(x), dtype)
    products = np.cumprod(x, axis=0 if axis is None else axis)
    return _with_first(products, 0 if axis is None else axis, 1) if include_initial else products


def _with_first(a, axis, number):
    first = np.full(slice_shape(a, axis), number, dtype=a.dtype)
    return np.concatenate((first, a), axis=axis)


def _masked(a, where, number):
    return a if where is True else np.where(where, a, number)


def cast(a, dtype):
    return a if dtype is None or a.dtype == dtype else a.astype(dtype)


def root_of_variance(variance):
    """The square root of a variance, with derivative 0 where the variance is 0."""
    is_zero = variance == 0
    return np.where(is_zero, 0.0, np.sqrt(np.where(is_zero, 1.0, variance)))
