"""Reductions that ignore NaN: `np.nansum`, `np.nanvar`, `np.nanmax`, ..."""

from __future__ import annotations

import numpy as np

from srcdiff.ops.arrays.reductions import max_of_any, min_of_any
from srcdiff.ops.core.registry import composite, refuse
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.compile_time import array
from srcdiff.ops.library.ufuncs.reduce_where import (
    cast,
    prod_where,
    root_of_variance,
    size_squared,
    sum_where,
)

_SOME = [[1.0, np.nan, 0.5], [0.2, 0.4, -1.0]]
_NONE = [[np.nan, 1.0], [np.nan, 2.0]]


@composite(
    np.nansum,
    samples=(
        call("np.nansum(x)", _SOME),
        call("np.nansum(x, axis=1, keepdims=True)", _SOME),
        call("np.nansum(x, 0)", _NONE),
        call("np.nansum(x)", (3,)),
        call("np.nansum(x, axis=1, initial=2.0, where=[True, False, True])", _SOME),
        call("np.nansum(x, axis=0, dtype=np.float64)", _SOME),
    ),
    takes_complex=True,
)
def nansum(a, axis=None, dtype=None, out=None, keepdims=False, initial=None, where=True):
    a = _filled(array(a), 0)
    return sum_where(a, axis, dtype, None, keepdims, initial, where)


@composite(
    np.nanprod,
    samples=(
        call("np.nanprod(x)", _SOME),
        call("np.nanprod(x, axis=0)", _NONE),
        call("np.nanprod(x, initial=2.0, where=[True, False, True])", _SOME),
    ),
    takes_complex=True,
)
def nanprod(a, axis=None, dtype=None, out=None, keepdims=False, initial=None, where=True):
    a = _filled(array(a), 1)
    return prod_where(a, axis, dtype, None, keepdims, initial, where)


@composite(
    np.nancumsum,
    samples=(call("np.nancumsum(x)", _SOME), call("np.nancumsum(x, axis=1)", _SOME)),
    takes_complex=True,
)
def nancumsum(a, axis=None, dtype=None, out=None):
    return np.cumsum(cast(_filled(array(a), 0), dtype), axis=axis)


@composite(
    np.nancumprod,
    samples=(call("np.nancumprod(x)", _SOME), call("np.nancumprod(x, axis=0)", _SOME)),
    takes_complex=True,
)
def nancumprod(a, axis=None, dtype=None, out=None):
    return np.cumprod(cast(_filled(array(a), 1), dtype), axis=axis)


@composite(
    np.nanmean,
    samples=(
        call("np.nanmean(x)", _SOME),
        call("np.nanmean(x, axis=0)", _SOME),
        call("np.nanmean(x, axis=1, keepdims=True)", _SOME),
        call("np.nanmean(x, axis=1, where=[True, False, True], dtype=np.float64)", _SOME),
        call("np.nanmean(x, axis=0)", _NONE, avoid="means of nothing"),
    ),
    takes_complex=True,
)
def nanmean(a, axis=None, dtype=None, out=None, keepdims=False, *, where=True):
    a = _only_where(cast(array(a), dtype), where)
    total = np.sum(_filled(a, 0), axis=axis, keepdims=keepdims)
    return total / _counted(a, axis, keepdims, total)


@composite(
    np.nanvar,
    samples=(
        call("np.nanvar(x)", _SOME),
        call("np.nanvar(x, axis=1, ddof=1)", _SOME),
        call("np.nanvar(x, axis=0, keepdims=True)", _SOME),
        call("np.nanvar(x, correction=1, where=[True, False, True])", _SOME),
        call("np.nanvar(x, axis=1, mean=np.nanmean(x, axis=1, keepdims=True))", _SOME),
    ),
    takes_complex=True,
)
def nanvar(
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
    a = _only_where(cast(array(a), dtype), where)
    less = ddof if correction is None else correction
    middle = nanmean(a, axis, keepdims=True) if mean is None else mean
    centred = np.where(np.isnan(a), 0.0, a - middle)
    total = np.sum(size_squared(centred), axis=axis, keepdims=keepdims)
    return total / (_counted(a, axis, keepdims, total) - less)


@composite(
    np.nanstd,
    samples=(call("np.nanstd(x)", _SOME), call("np.nanstd(x, axis=1, ddof=1)", _SOME)),
    takes_complex=True,
)
def nanstd(
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
        nanvar(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction)
    )


@composite(
    np.nanmax,
    samples=(
        call("np.nanmax(x)", _SOME),
        call("np.nanmax(x, axis=1, keepdims=True)", _SOME),
        call("np.nanmax(x, axis=0)", _NONE, avoid="the greatest of nothing"),
        call("np.nanmax(x, axis=1, initial=0.7)", _SOME),
        call("np.nanmax(x, axis=1, initial=-9.0, where=[True, False, True])", _SOME),
    ),
    takes_complex=True,
)
def nanmax(a, axis=None, out=None, keepdims=False, initial=None, where=True):
    a = _only_where(array(a), where)
    found = _filled(a, -np.inf)
    if initial is None:
        return _or_nan(np.max(found, axis=axis, keepdims=keepdims), a, axis, keepdims)
    return np.maximum(max_of_any(found, axis=axis, keepdims=keepdims), initial)


@composite(
    np.nanmin,
    samples=(
        call("np.nanmin(x)", _SOME),
        call("np.nanmin(x, axis=(0, 1))", _SOME),
        call("np.nanmin(x, axis=1, initial=9.0, where=[True, True, False])", _SOME),
    ),
    takes_complex=True,
)
def nanmin(a, axis=None, out=None, keepdims=False, initial=None, where=True):
    a = _only_where(array(a), where)
    found = _filled(a, np.inf)
    if initial is None:
        return _or_nan(np.min(found, axis=axis, keepdims=keepdims), a, axis, keepdims)
    return np.minimum(min_of_any(found, axis=axis, keepdims=keepdims), initial)


@composite(
    np.nanargmax,
    samples=(call("np.nanargmax(x)", _SOME), call("np.nanargmax(x, axis=1)", _SOME)),
    takes_complex=True,
)
def nanargmax(a, axis=None, out=None, *, keepdims=False):
    return np.argmax(_filled(array(a), -np.inf), axis=axis, keepdims=keepdims)


@composite(
    np.nanargmin,
    samples=(call("np.nanargmin(x)", _SOME), call("np.nanargmin(x, axis=1)", _SOME)),
    takes_complex=True,
)
def nanargmin(a, axis=None, out=None, *, keepdims=False):
    return np.argmin(_filled(array(a), np.inf), axis=axis, keepdims=keepdims)


def _filled(a, number):
    """The array with `number` in the place of NaN."""
    return np.where(np.isnan(a), number, a) if a.dtype.kind in "fc" else a


def _only_where(a, where):
    """The array with NaN outside of `where`."""
    if where is True:
        return a
    if a.dtype.kind not in "fc":
        refuse("where= of integers has no NaN here", "Pass floats.")
    return np.where(where, a, np.float32(np.nan))


def _counted(a, axis, keepdims, total):
    """The number of elements that are not NaN, in the dtype of the sum that it divides."""
    count = np.sum(~np.isnan(a), axis=axis, keepdims=keepdims)
    return count.astype(total.dtype) if total.dtype in (np.float32, np.complex64) else count


def _or_nan(found, a, axis, keepdims):
    if a.dtype.kind not in "fc":
        return found
    return np.where(np.all(np.isnan(a), axis=axis, keepdims=keepdims), np.float32(np.nan), found)
