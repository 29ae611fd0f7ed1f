"""Statistics, and reductions that leave something out: `np.average`, `np.cov`, `np.nansum`, `np.sum(where=...)`, ..."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.ops.composites.places import array, axis_in, broadcast_place, slice_shape
from srcdiff.ops.registry import composite, refuse
from srcdiff.ops.samples import said

_SOME = [[1.0, np.nan, 0.5], [0.2, 0.4, -1.0]]
_NONE = [[np.nan, 1.0], [np.nan, 2.0]]


# ---- without what is not a number ----------------------------------------------------------------


@composite(
    np.nansum,
    samples=(
        said("np.nansum(x)", _SOME),
        said("np.nansum(x, axis=1, keepdims=True)", _SOME),
        said("np.nansum(x, 0)", _NONE),
        said("np.nansum(x)", (3,)),
        said("np.nansum(x, axis=1, initial=2.0, where=[True, False, True])", _SOME),
        said("np.nansum(x, axis=0, dtype=np.float64)", _SOME),
    ),
    takes_complex=True,
)
def nansum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    a = _filled(array(a), 0)
    return sum_where(a, axis, dtype, None, keepdims, initial, where)


@composite(
    np.nanprod,
    samples=(
        said("np.nanprod(x)", _SOME),
        said("np.nanprod(x, axis=0)", _NONE),
        said("np.nanprod(x, initial=2.0, where=[True, False, True])", _SOME),
    ),
    takes_complex=True,
)
def nanprod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    a = _filled(array(a), 1)
    return prod_where(a, axis, dtype, None, keepdims, initial, where)


@composite(
    np.nancumsum,
    samples=(said("np.nancumsum(x)", _SOME), said("np.nancumsum(x, axis=1)", _SOME)),
    takes_complex=True,
)
def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return np.cumsum(_cast(_filled(array(a), 0), dtype), axis=axis)


@composite(
    np.nancumprod,
    samples=(said("np.nancumprod(x)", _SOME), said("np.nancumprod(x, axis=0)", _SOME)),
    takes_complex=True,
)
def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return np.cumprod(_cast(_filled(array(a), 1), dtype), axis=axis)


@composite(
    np.nanmean,
    samples=(
        said("np.nanmean(x)", _SOME),
        said("np.nanmean(x, axis=0)", _SOME),
        said("np.nanmean(x, axis=1, keepdims=True)", _SOME),
        said("np.nanmean(x, axis=1, where=[True, False, True], dtype=np.float64)", _SOME),
        said("np.nanmean(x, axis=0)", _NONE, avoid="means of nothing"),
    ),
    takes_complex=True,
)
def nanmean(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    *,
    where: Any = True,
) -> Any:
    a = _only_where(_cast(array(a), dtype), where)
    total = np.sum(_filled(a, 0), axis=axis, keepdims=keepdims)
    return total / _counted(a, axis, keepdims)


@composite(
    np.nanvar,
    samples=(
        said("np.nanvar(x)", _SOME),
        said("np.nanvar(x, axis=1, ddof=1)", _SOME),
        said("np.nanvar(x, axis=0, keepdims=True)", _SOME),
        said("np.nanvar(x, correction=1, where=[True, False, True])", _SOME),
        said("np.nanvar(x, axis=1, mean=np.nanmean(x, axis=1, keepdims=True))", _SOME),
    ),
)
def nanvar(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = True,
    mean: Any = None,
    correction: Any = None,
) -> Any:
    a = _only_where(_cast(array(a), dtype), where)
    less = ddof if correction is None else correction
    middle = nanmean(a, axis, keepdims=True) if mean is None else mean
    centred = np.where(np.isnan(a), 0.0, a - middle)
    return np.sum(centred**2, axis=axis, keepdims=keepdims) / (_counted(a, axis, keepdims) - less)


@composite(
    np.nanstd,
    samples=(said("np.nanstd(x)", _SOME), said("np.nanstd(x, axis=1, ddof=1)", _SOME)),
)
def nanstd(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = True,
    mean: Any = None,
    correction: Any = None,
) -> Any:
    return _root(
        nanvar(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction)
    )


def _root(variance: Any) -> Any:
    """The root, which has no slope where the variance is 0: of equal values."""
    is_zero = variance == 0
    return np.where(is_zero, 0.0, np.sqrt(np.where(is_zero, 1.0, variance)))


@composite(
    np.nanmax,
    samples=(
        said("np.nanmax(x)", _SOME),
        said("np.nanmax(x, axis=1, keepdims=True)", _SOME),
        said("np.nanmax(x, axis=0)", _NONE, avoid="the greatest of nothing"),
        said("np.nanmax(x, axis=1, initial=0.7)", _SOME),
        said("np.nanmax(x, axis=1, initial=-9.0, where=[True, False, True])", _SOME),
    ),
)
def nanmax(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    a = _only_where(array(a), where)
    found = np.max(_filled(a, -np.inf), axis=axis, keepdims=keepdims)
    if initial is None:
        return _or_nan(found, a, axis, keepdims)
    return np.maximum(found, initial)


@composite(
    np.nanmin,
    samples=(
        said("np.nanmin(x)", _SOME),
        said("np.nanmin(x, axis=(0, 1))", _SOME),
        said("np.nanmin(x, axis=1, initial=9.0, where=[True, True, False])", _SOME),
    ),
)
def nanmin(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    a = _only_where(array(a), where)
    found = np.min(_filled(a, np.inf), axis=axis, keepdims=keepdims)
    if initial is None:
        return _or_nan(found, a, axis, keepdims)
    return np.minimum(found, initial)


@composite(
    np.nanargmax, samples=(said("np.nanargmax(x)", _SOME), said("np.nanargmax(x, axis=1)", _SOME))
)
def nanargmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    return np.argmax(_filled(array(a), -np.inf), axis=axis, keepdims=keepdims)


@composite(
    np.nanargmin, samples=(said("np.nanargmin(x)", _SOME), said("np.nanargmin(x, axis=1)", _SOME))
)
def nanargmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    return np.argmin(_filled(array(a), np.inf), axis=axis, keepdims=keepdims)


def _filled(a: Any, number: Any) -> Any:
    """A number in the place of what is not one."""
    return np.where(np.isnan(a), number, a) if a.dtype.kind in "fc" else a


def _only_where(a: Any, where: Any) -> Any:
    """Nothing is a number outside."""
    if where is True:
        return a
    if a.dtype.kind not in "fc":
        refuse("where= of integers has no NaN here", "Pass floats.")
    return np.where(where, a, np.float32(np.nan))


def _counted(a: Any, axis: Any, keepdims: Any) -> Any:
    """How many are numbers, in the dtype of the sum that is divided by it."""
    count = np.sum(~np.isnan(a), axis=axis, keepdims=keepdims)
    return count.astype(a.dtype) if a.dtype in (np.float32, np.complex64) else count


def _or_nan(found: Any, a: Any, axis: Any, keepdims: Any) -> Any:
    if a.dtype.kind != "f":
        return found
    return np.where(np.all(np.isnan(a), axis=axis, keepdims=keepdims), np.float32(np.nan), found)


# ---- parts of arrays, and what is begun with -----------------------------------------------------


@composite(
    np.sum,
    method="sum",
    given=("where", "initial", "dtype"),
    samples=(
        said("np.sum(x, where=x > 0.0)", (2, 3)),
        said("np.sum(x, axis=1, initial=2.0)", (2, 3)),
        said("x.sum(axis=0, where=y, keepdims=True)", (3, 2), [True, False]),
        said("np.sum(x, dtype=np.float64)", (3,)),
    ),
    takes_complex=True,
)
def sum_where(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    a = _cast(array(a), dtype)
    total = np.sum(_masked(a, where, 0), axis=axis, keepdims=keepdims)
    return total if initial is None else total + initial


@composite(
    np.prod,
    method="prod",
    given=("where", "initial", "dtype"),
    samples=(said("np.prod(x, where=x > 0.0, initial=2.0)", (2, 3)),),
    takes_complex=True,
)
def prod_where(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    a = _cast(array(a), dtype)
    product = np.prod(_masked(a, where, 1), axis=axis, keepdims=keepdims)
    return product if initial is None else product * initial


@composite(
    np.mean,
    method="mean",
    given=("where", "dtype"),
    samples=(
        said("np.mean(x, where=x > 0.0)", (2, 3)),
        said("np.mean(x, axis=0, where=y)", (3, 2), [[True, False], [True, True], [False, True]]),
    ),
    takes_complex=True,
)
def mean_where(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    *,
    where: Any = True,
) -> Any:
    a = _cast(array(a), dtype)
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
        said("np.var(x, where=x > -1.0)", (2, 3)),
        said("np.var(x, axis=1, correction=1)", (2, 3)),
        said("np.var(x, axis=1, mean=np.mean(x, axis=1, keepdims=True))", (2, 3)),
    ),
)
def var_where(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = True,
    mean: Any = None,
    correction: Any = None,
) -> Any:
    a = _cast(array(a), dtype)
    if a.dtype.kind == "c":
        refuse("np.var in a complex dtype is not differentiated", "Leave dtype= out.")
    less = ddof if correction is None else correction
    if where is True and mean is None:
        return np.var(a, axis=axis, ddof=less, keepdims=keepdims)
    inside = np.broadcast_to(where, a.shape)
    middle = mean_where(a, axis, keepdims=True, where=inside) if mean is None else mean
    centred = np.where(inside, a - middle, 0.0)
    count = np.sum(inside, axis=axis, keepdims=keepdims) - less
    total = np.sum(centred**2, axis=axis, keepdims=keepdims)
    return total / (count.astype(a.dtype) if a.dtype == np.float32 else count)


@composite(
    np.std,
    method="std",
    given=("where", "mean", "correction", "dtype"),
    samples=(
        said("np.std(x, where=x > -1.0, ddof=1)", (2, 3)),
        said("np.std(x, correction=1)", (3,)),
    ),
)
def std_where(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = True,
    mean: Any = None,
    correction: Any = None,
) -> Any:
    return _root(
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
        said("np.max(x, initial=0.5)", (4,)),
        said("np.max(x, axis=1, where=x < 1.0, initial=-9.0)", (2, 3)),
    ),
)
def max_where(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    a = array(a)
    if initial is None:
        refuse("np.max of a part needs initial=", "Say what the greatest of nothing is.")
    return np.maximum(np.max(_masked(a, where, initial), axis=axis, keepdims=keepdims), initial)


@composite(
    np.min,
    np.amin,
    method="min",
    given=("where", "initial"),
    samples=(
        said("np.min(x, initial=0.5)", (4,)),
        said("x.min(initial=9.0, where=x > -1.0)", (4,)),
    ),
)
def min_where(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    a = array(a)
    if initial is None:
        refuse("np.min of a part needs initial=", "Say what the least of nothing is.")
    return np.minimum(np.min(_masked(a, where, initial), axis=axis, keepdims=keepdims), initial)


@composite(
    np.any,
    method="any",
    given=("where",),
    samples=(said("np.any(x > 0.0, axis=1, where=[True, False, True])", (2, 3), wrt=()),),
    takes_complex=True,
)
def any_where(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    *,
    where: Any = True,
) -> Any:
    return np.any(_masked(array(a), where, False), axis=axis, keepdims=keepdims)


@composite(
    np.all,
    method="all",
    given=("where",),
    samples=(said("np.all(x > 0.0, axis=1, where=[True, False, True])", (2, 3), wrt=()),),
    takes_complex=True,
)
def all_where(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    *,
    where: Any = True,
) -> Any:
    return np.all(_masked(array(a), where, True), axis=axis, keepdims=keepdims)


@composite(
    np.cumsum,
    method="cumsum",
    given=("dtype",),
    samples=(said("np.cumsum(x, axis=1, dtype=np.float64)", (2, 3)),),
    takes_complex=True,
)
def cumsum_of(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return np.cumsum(_cast(array(a), dtype), axis=axis)


@composite(
    np.cumprod,
    method="cumprod",
    given=("dtype",),
    samples=(said("np.cumprod(x, dtype=np.float64)", (3,)),),
    takes_complex=True,
)
def cumprod_of(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return np.cumprod(_cast(array(a), dtype), axis=axis)


@composite(
    getattr(np, "cumulative_sum", None),
    samples=(
        said("np.cumulative_sum(x)", (3,)),
        said("np.cumulative_sum(x, axis=0, include_initial=True)", (3, 2)),
    ),
    takes_complex=True,
)
def cumulative_sum(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: Any = False
) -> Any:
    x = _cast(array(x), dtype)
    sums = np.cumsum(x, axis=0 if axis is None else axis)
    return _with_first(sums, 0 if axis is None else axis, 0) if include_initial else sums


@composite(
    getattr(np, "cumulative_prod", None),
    samples=(
        said("np.cumulative_prod(x)", (3,)),
        said("np.cumulative_prod(x, axis=1, include_initial=True)", (3, 2)),
    ),
    takes_complex=True,
)
def cumulative_prod(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: Any = False
) -> Any:
    x = _cast(array(x), dtype)
    products = np.cumprod(x, axis=0 if axis is None else axis)
    return _with_first(products, 0 if axis is None else axis, 1) if include_initial else products


def _with_first(a: Any, axis: Any, number: Any) -> Any:
    first = np.full(slice_shape(a, axis), number, dtype=a.dtype)
    return np.concatenate((first, a), axis=axis)


def _masked(a: Any, where: Any, number: Any) -> Any:
    return a if where is True else np.where(where, a, number)


def _cast(a: Any, dtype: Any) -> Any:
    return a if dtype is None or a.dtype == dtype else a.astype(dtype)


# ---- moments -------------------------------------------------------------------------------------


@composite(
    np.average,
    samples=(
        said("np.average(x)", (2, 3)),
        said("np.average(x, weights=y + 3.0)", (4,), (4,)),
        said("np.average(x, axis=1, weights=y + 3.0)", (2, 3), (3,)),
        said("np.average(x, axis=0, weights=y + 3.0, keepdims=True)", (2, 3), (2, 3)),
        said("np.average(x, weights=y + 3.0, returned=True)", (4,), (4,)),
        said("np.average(x, axis=0, returned=True)", (4, 2)),
        said("np.average(x, axis=0, weights=y + 3.0, returned=True)", (4, 2), (4,)),
    ),
    takes_complex=True,
)
def average(
    a: Any, axis: Any = None, weights: Any = None, returned: Any = False, *, keepdims: Any = False
) -> Any:
    a = array(a)
    if weights is None:
        mean = np.mean(a, axis=axis, keepdims=keepdims)
        return (
            (mean, np.full(np.shape(mean), a.size / np.size(mean), dtype=mean.dtype))
            if returned
            else mean
        )
    weights = array(weights)
    if np.ndim(weights) == a.ndim:
        total = np.sum(weights, axis=axis, keepdims=keepdims)
    else:
        if not isinstance(axis, int) or np.ndim(weights) != 1:
            refuse(
                "np.average takes weights of the array's shape, or of one axis", "Broadcast them."
            )
        total = np.sum(weights)
        weights = weights[broadcast_place(a.ndim, axis_in(axis, a.ndim))]
    mean = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (mean, np.broadcast_to(total, np.shape(mean)).copy()) if returned else mean


@composite(
    np.cov,
    samples=(
        said("np.cov(x)", (3, 5)),
        said("np.cov(x)", (5,)),
        said("np.cov(x, y)", (5,), (5,)),
        said("np.cov(x, rowvar=False, bias=True)", (5, 2)),
        said("np.cov(x, ddof=0)", (2, 5)),
        said("np.cov(x, aweights=y + 3.0)", (2, 4), (4,)),
        said("np.cov(x, fweights=y, aweights=z + 3.0)", (2, 4), [1, 2, 1, 3], (4,)),
    ),
)
def cov(
    m: Any,
    y: Any = None,
    rowvar: Any = True,
    bias: Any = False,
    ddof: Any = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    rows = _variables(array(m), rowvar, dtype)
    if y is not None:
        rows = np.concatenate((rows, _variables(array(y), rowvar, dtype)), axis=0)
    less = (0 if bias else 1) if ddof is None else ddof
    if fweights is None and aweights is None:
        centred = rows - np.mean(rows, axis=1, keepdims=True)
        found = centred @ centred.T / (rows.shape[1] - less)
    else:
        weights = _product(fweights, aweights)
        total = np.sum(weights)
        if less == 0:
            factor = total
        elif aweights is None:
            factor = total - less
        else:
            factor = total - less * np.sum(weights * aweights) / total
        centred = rows - np.sum(rows * weights, axis=1, keepdims=True) / total
        found = (centred * weights) @ centred.T / factor
    return found[0, 0] if np.ndim(m) == 1 and y is None else found


def _product(a: Any, c: Any) -> Any:
    return c if a is None else a if c is None else a * c


def _variables(m: Any, rowvar: Any, dtype: Any) -> Any:
    """A variable in each row, in double precision where no other is asked for."""
    m = _cast(m, np.float64 if dtype is None else dtype)
    if m.ndim == 1:
        return m[None]
    return m if rowvar else m.T


@composite(
    np.corrcoef,
    samples=(
        said("np.corrcoef(x)", (3, 5)),
        said("np.corrcoef(x, y)", (5,), (5,)),
        said("np.corrcoef(x, rowvar=False)", (5, 2)),
    ),
)
def corrcoef(x: Any, y: Any = None, rowvar: Any = True, *, dtype: Any = None) -> Any:
    c = cov(x, y, rowvar, dtype=dtype)
    if np.ndim(c) == 0:
        return c / c
    spread = np.sqrt(np.diag(c))
    return np.clip(c / spread[:, None] / spread[None, :], -1, 1)
