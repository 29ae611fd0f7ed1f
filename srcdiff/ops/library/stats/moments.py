"""Weighted means and covariances: `np.average`, `np.cov`, `np.corrcoef`."""

from __future__ import annotations

import numpy as np

from srcdiff.ops.core.registry import composite, evaluated, refuse
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.compile_time import array, axis_in, broadcast_place, other_axes
from srcdiff.ops.library.linalg.matrix_checks import adjoined, real_part
from srcdiff.ops.library.ufuncs.reduce_where import cast


@composite(
    np.average,
    samples=(
        call("np.average(x)", (2, 3)),
        call("np.average(x, weights=y + 3.0)", (4,), (4,)),
        call("np.average(x, axis=1, weights=y + 3.0)", (2, 3), (3,)),
        call("np.average(x, axis=0, weights=y + 3.0, keepdims=True)", (2, 3), (2, 3)),
        call("np.average(x, axis=(2, 0), weights=y + 3.0)", (2, 3, 4), (4, 2)),
        call("np.average(x, weights=y + 3.0, returned=True)", (4,), (4,)),
        call("np.average(x, axis=0, returned=True)", (4, 2)),
        call("np.average(x, axis=0, weights=y + 3.0, returned=True)", (4, 2), (4,)),
    ),
    takes_complex=True,
)
def average(a, axis=None, weights=None, returned=False, *, keepdims=False):
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
    elif isinstance(axis, int) and np.ndim(weights) == 1:
        total = np.sum(weights)
        weights = weights[broadcast_place(a.ndim, axis_in(axis, a.ndim))]
    else:
        if not isinstance(axis, tuple) or np.ndim(weights) != len(axis):
            refuse(
                "np.average takes weights of the array's shape, or of the axes that are averaged",
                "Broadcast them.",
            )
        total = np.sum(weights)
        weights = np.transpose(weights, ascending(axis, a.ndim))
        weights = np.expand_dims(weights, other_axes(axis, a.ndim))
    mean = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (mean, np.broadcast_to(total, np.shape(mean)).copy()) if returned else mean


@evaluated
def ascending(axes: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    """The permutation that sorts these axes by their place in the array."""
    return tuple(sorted(range(len(axes)), key=lambda k: axes[k] % ndim))


@composite(
    np.cov,
    samples=(
        call("np.cov(x)", (3, 5)),
        call("np.cov(x)", (5,)),
        call("np.cov(x, y)", (5,), (5,)),
        call("np.cov(x, rowvar=False, bias=True)", (5, 2)),
        call("np.cov(x, ddof=0)", (2, 5)),
        call("np.cov(x, aweights=y + 3.0)", (2, 4), (4,)),
        call("np.cov(x, fweights=y, aweights=z + 3.0)", (2, 4), [1, 2, 1, 3], (4,)),
    ),
    takes_complex=True,
)
def cov(m, y=None, rowvar=True, bias=False, ddof=None, fweights=None, aweights=None, *, dtype=None):
    rows = _variables(array(m), rowvar, dtype)
    if y is not None:
        rows = np.concatenate((rows, _variables(array(y), rowvar, dtype)), axis=0)
    less = (0 if bias else 1) if ddof is None else ddof
    if fweights is None and aweights is None:
        centred = rows - np.mean(rows, axis=1, keepdims=True)
        found = centred @ adjoined(centred) / (rows.shape[1] - less)
    else:
        fweights, aweights = array(fweights), array(aweights)
        weights = _product(fweights, aweights)
        total = np.sum(weights)
        if less == 0:
            factor = total
        elif aweights is None:
            factor = total - less
        else:
            factor = total - less * np.sum(weights * aweights) / total
        centred = rows - np.sum(rows * weights, axis=1, keepdims=True) / total
        found = centred @ adjoined(centred * weights) / factor
    return found[0, 0] if np.ndim(m) == 1 and y is None else found


def _product(a, c):
    return c if a is None else a if c is None else a * c


def _variables(m, rowvar, dtype):
    """The variables as rows, in double precision unless a dtype is given."""
    m = cast(m, np.result_type(m, np.float64) if dtype is None else dtype)
    if m.ndim == 1:
        return m[None]
    return m if rowvar else m.T


@composite(
    np.corrcoef,
    samples=(
        call("np.corrcoef(x)", (3, 5)),
        call("np.corrcoef(x, y)", (5,), (5,)),
        call("np.corrcoef(x, rowvar=False)", (5, 2)),
    ),
    takes_complex=True,
)
def corrcoef(x, y=None, rowvar=True, *, dtype=None):
    c = cov(x, y, rowvar, dtype=dtype)
    if np.ndim(c) == 0:
        return c / c
    spread = np.sqrt(real_part(np.diag(c)))
    found = c / spread[:, None] / spread[None, :]
    if c.dtype.kind == "c":
        return np.clip(np.real(found), -1, 1) + 1j * np.clip(np.imag(found), -1, 1)
    return np.clip(found, -1, 1)
