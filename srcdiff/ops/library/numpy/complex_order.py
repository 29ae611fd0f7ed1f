"""Order of complex numbers: comparisons, sorting and extremes by real parts first, then imaginary parts, as in NumPy.

Derivatives go to the chosen element; among equal elements, to the first.
"""

from __future__ import annotations

import numpy as np

from srcdiff.ops.core.registry import composite
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.compile_time import all_axes, array, row_of
from srcdiff.ops.library.numpy.quantile import elements_at, lines_of

# ---- pairs ---------------------------------------------------------------------------------------


def _comes_before(a, b):
    """Whether `a` is smaller than `b`; False for NaN."""
    is_known = ~(np.isnan(a) | np.isnan(b))
    x, y = np.real(a), np.real(b)
    return is_known & ((x < y) | ((x == y) & (np.imag(a) < np.imag(b))))


@composite(
    np.less, of_complex=True, samples=(call("np.less(x, y)", [1.0, 2.0], [1.0, 0.5], wrt=()),)
)
def complex_less(x1, x2):
    return _comes_before(array(x1), array(x2))


@composite(
    np.greater, of_complex=True, samples=(call("np.greater(x, y)", [1.0, 2.0], [1.0, 0.5], wrt=()),)
)
def complex_greater(x1, x2):
    return _comes_before(array(x2), array(x1))


@composite(
    np.less_equal,
    of_complex=True,
    samples=(call("np.less_equal(x, y)", [1.0, 2.0], [1.0, 0.5], wrt=()),),
)
def complex_less_equal(x1, x2):
    a, b = array(x1), array(x2)
    return _comes_before(a, b) | (a == b)


@composite(
    np.greater_equal,
    of_complex=True,
    samples=(call("np.greater_equal(x, y)", [1.0, 2.0], [1.0, 0.5], wrt=()),),
)
def complex_greater_equal(x1, x2):
    return complex_less_equal(x2, x1)


@composite(np.maximum, of_complex=True, samples=(call("np.maximum(x, y)", (2, 3), (3,)),))
def complex_maximum(x1, x2):
    a, b = array(x1), array(x2)
    return np.where(_comes_before(b, a) | (a == b) | np.isnan(a), a, b)


@composite(np.minimum, of_complex=True, samples=(call("np.minimum(x, y)", (2, 3), (3,)),))
def complex_minimum(x1, x2):
    a, b = array(x1), array(x2)
    return np.where(_comes_before(a, b) | (a == b) | np.isnan(a), a, b)


@composite(
    np.fmax,
    of_complex=True,
    samples=(call("np.fmax(x, y)", [1.0, np.nan, 2.0], [np.nan, 1.0, 3.0]),),
)
def complex_fmax(x1, x2):
    a, b = array(x1), array(x2)
    return np.where(_comes_before(b, a) | (a == b) | np.isnan(b), a, b)


@composite(
    np.fmin,
    of_complex=True,
    samples=(call("np.fmin(x, y)", [1.0, np.nan, 2.0], [np.nan, 1.0, 3.0]),),
)
def complex_fmin(x1, x2):
    a, b = array(x1), array(x2)
    return np.where(_comes_before(a, b) | (a == b) | np.isnan(b), a, b)


@composite(
    np.clip,
    method="clip",
    of_complex=True,
    samples=(call("np.clip(x, 0.5, y)", [1.0, 0.2, 3.0], 2.0),),
)
def complex_clip(a, a_min=None, a_max=None, *, min=None, max=None):
    a, low, high = array(a), a_min if min is None else min, a_max if max is None else max
    if low is not None:
        a = np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


# ---- orders --------------------------------------------------------------------------------------


@composite(
    np.argsort,
    method="argsort",
    of_complex=True,
    samples=(call("np.argsort(x, axis=0)", [[2.0, 1.0], [0.5, 1.0], [2.0, 0.1]], wrt=()),),
)
def complex_order(a, axis=-1, kind=None, order=None, *, stable=None):
    if axis is None:
        a, axis = row_of(a), 0
    real, imag = np.real(a), np.imag(a)
    unknown = 2 * np.isnan(real) + np.isnan(imag)  # NaN comes last, in this order
    return np.lexsort((imag, real, unknown), axis=axis)


def _ordered(a, axis, initial=None):
    """The array, sorted along axes, which become the first axis; `initial` is one of the sorted elements."""
    lines = lines_of(a, axis)
    if initial is not None:
        first = np.full((1, *lines.shape[1:]), initial, lines.dtype)
        lines = np.concatenate([first, lines])
    return elements_at(lines, complex_order(lines, 0))


def _kept(found, a, axis, keepdims):
    return np.expand_dims(found, all_axes(axis, a.ndim)) if keepdims else found


def complex_max(a, axis, keepdims, initial=None):
    return _kept(_ordered(a, axis, initial)[-1], a, axis, keepdims)


def complex_min(a, axis, keepdims, initial=None):
    ordered = _ordered(a, axis, initial)
    last = ordered[-1]
    return _kept(np.where(np.isnan(last), last, ordered[0]), a, axis, keepdims)


@composite(np.ptp, of_complex=True, samples=(call("np.ptp(x, axis=0)", (3, 2)),))
def complex_ptp(a, axis=None, out=None, keepdims=False):
    return complex_max(a, axis, keepdims) - complex_min(a, axis, keepdims)


def _place_of(found, a, axis, keepdims):
    """The first place of an extreme, which may be NaN."""
    lines = lines_of(a, axis)
    hits = (lines == found) | (np.isnan(lines) & np.isnan(found))
    return _kept(np.argmax(hits, axis=0), a, axis, keepdims)


_OF_PLACES = [[2.0, 1.0], [0.5, 1.0], [2.0, 0.1]]


@composite(
    np.argmax,
    method="argmax",
    of_complex=True,
    samples=(call("np.argmax(x, axis=0)", _OF_PLACES, wrt=()),),
)
def complex_argmax(a, axis=None, out=None, *, keepdims=False):
    return _place_of(complex_max(a, axis, False), a, axis, keepdims)


@composite(
    np.argmin, method="argmin", of_complex=True, samples=(call("np.argmin(x)", _OF_PLACES, wrt=()),)
)
def complex_argmin(a, axis=None, out=None, *, keepdims=False):
    return _place_of(complex_min(a, axis, False), a, axis, keepdims)
