"""Variances and standard deviations along axes. The standard deviation of equal numbers has derivative 0."""

from __future__ import annotations

import numpy as np

from srcdiff.ops.arrays.reductions import reduced_count
from srcdiff.ops.core.axes import reduced, reduction_samples
from srcdiff.ops.core.registry import declare
from srcdiff.ops.core.samples import draw, fixed

_SPREAD = "x, axis=None, *, ddof=0, keepdims=False"
_spread_ddof = (draw((4,), ddof=1), draw((3, 2), axis=0, ddof=1))


def var_forward(x, axis=None, ddof=0, keepdims=False, *, x_dot, out):
    if axis is None:
        centred = x - np.mean(x)
    else:
        centred = x - np.mean(x, axis=axis, keepdims=True)
    if x.dtype.kind == "c":
        centred = np.conj(centred)
    out_dot = np.sum(2.0 * centred * x_dot, axis=axis, keepdims=keepdims) / (
        reduced_count(x, axis=axis) - ddof
    )


def var_expanded(x, axis=None, ddof=0, keepdims=False):
    if axis is None:
        centred = x - np.mean(x)
    else:
        centred = x - np.mean(x, axis=axis, keepdims=True)
    if x.dtype.kind == "c":
        square = np.real(centred) ** 2 + np.imag(centred) ** 2
    else:
        square = centred * centred
    total = np.sum(square, axis=axis, keepdims=keepdims)
    if ddof == 0:
        result = total / reduced_count(x, axis=axis)
    else:
        result = total / (reduced_count(x, axis=axis) - ddof)


@declare(
    np.var,
    expansion=var_expanded,
    method="var",
    signature=_SPREAD,
    infer=reduced("real"),
    adjoint="scalar",
    forward=var_forward,
    samples=(*reduction_samples(), *_spread_ddof),
    takes_complex=True,
)
def var(x, axis=None, ddof=0, keepdims=False, *, out, d_out):
    if axis is None:
        centred = x - np.mean(x)
    else:
        centred = x - np.mean(x, axis=axis, keepdims=True)
    if x.dtype.kind == "c":
        centred = np.conj(centred)
    if axis is None or axis == 0 or keepdims or d_out.ndim == 0:
        d_x = d_out * 2.0 * centred / (reduced_count(x, axis=axis) - ddof)
    else:
        d_x = np.expand_dims(d_out, axis) * 2.0 * centred / (reduced_count(x, axis=axis) - ddof)


def std_forward(x, axis=None, ddof=0, keepdims=False, *, x_dot, out):
    if axis is None:
        centred = x - np.mean(x)
    else:
        centred = x - np.mean(x, axis=axis, keepdims=True)
    if x.dtype.kind == "c":
        centred = np.conj(centred)
    spread = (reduced_count(x, axis=axis) - ddof) * np.where(out == 0.0, 1.0, out)
    out_dot = np.sum(centred * x_dot, axis=axis, keepdims=keepdims) / spread


def std_expanded(x, axis=None, ddof=0, keepdims=False):
    result = np.sqrt(np.var(x, axis=axis, ddof=ddof, keepdims=keepdims))


_constant = (fixed([1.5, 1.5], avoid="no spread", gradients=([0.0, 0.0],)),)


@declare(
    np.std, method="std", expansion=std_expanded,
    signature=_SPREAD, infer=reduced("real"), adjoint="scalar", forward=std_forward,
    samples=(*reduction_samples(alone=False), *_spread_ddof, *_constant), takes_complex=True,
)  # fmt: skip
def std(x, axis=None, ddof=0, keepdims=False, *, out, d_out):
    if axis is None:
        centred = x - np.mean(x)
    else:
        centred = x - np.mean(x, axis=axis, keepdims=True)
    if x.dtype.kind == "c":
        centred = np.conj(centred)
    d_spread = d_out / ((reduced_count(x, axis=axis) - ddof) * np.where(out == 0.0, 1.0, out))
    if axis is None or axis == 0 or keepdims or out.ndim == 0:
        d_x = d_spread * centred
    else:
        d_x = np.expand_dims(d_spread, axis) * centred
