"""SciPy's special functions (and those of `math`): log-probabilities, the error and gamma functions.

`logsumexp` over nothing but -inf has derivative 0 (an unreachable state passes nothing on); `xlogy(x, y)` has
derivative 0 in y where x is 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from srcdiff.ir.core import Atom
from srcdiff.ir.shapes import Shapes
from srcdiff.ir.types import Type
from srcdiff.ops.axes import reduced, reduction_samples
from srcdiff.ops.infer import broadcast_shape, double, floating, make, numeric
from srcdiff.ops.lazy import LazyModule
from srcdiff.ops.reductions import highest_of
from srcdiff.ops.registry import declare
from srcdiff.ops.samples import Sample, binary, draw, fixed, unary

# rules say `special.expit`: a name such as `expit` alone would be the operation declared below
special: Any = LazyModule("scipy.special")

Attrs = Mapping[str, Any]


def _not_weak(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    """As `floating`, but Python scalars count as float64, as these functions of SciPy's have it."""
    dtype = np.result_type(*(np.dtype(numeric(a).dtype) for a in operands)).name
    return (make("float64" if dtype[0] in "biu" else dtype, broadcast_shape(shapes, operands)),)


def _smooth(
    low: float = -2.0, high: float = 2.0, *more: Sample, two: bool = False
) -> dict[str, Any]:
    infer, samples = (_not_weak, binary) if two else (floating, unary)
    return {"infer": infer, "elementwise": True, "samples": (*samples(low, high), *more)}


# ---- log-probabilities -----------------------------------------------------------------------


@declare("scipy.special.expit", **_smooth(), compiled="expit", device="expit")
def expit(x, *, out, d_out):
    d_x = d_out * out * (1.0 - out)


@declare("scipy.special.logit", **_smooth(0.1, 0.9), device="logit")
def logit(x, *, out, d_out):
    d_x = d_out / (x * (1.0 - x))


@declare("scipy.special.log_expit", **_smooth(), compiled="log_expit", device="log_expit")
def log_expit(x, *, out, d_out):
    d_x = d_out * special.expit(-x)


_reduced_float = reduced("float")


def logsumexp_forward(a, axis=None, keepdims=False, *, a_dot, out):
    if axis is None or axis == 0 or keepdims or out.ndim == 0:
        norm = out
    else:
        norm = np.expand_dims(out, axis)
    weights = np.exp(a - np.where(norm == -np.inf, 0.0, norm))
    out_dot = np.sum(weights * a_dot, axis=axis, keepdims=keepdims)


def logsumexp_expanded(a, axis=None, keepdims=False):
    highest = highest_of(a, axis=axis, keepdims=keepdims)
    top = np.where(np.isinf(highest), 0.0, highest)
    if axis is None or axis == 0 or keepdims or top.ndim == 0:
        shifted = a - top
    else:
        shifted = a - np.expand_dims(top, axis)
    result = np.log(np.sum(np.exp(shifted), axis=axis, keepdims=keepdims)) + top


@declare(
    "scipy.special.logsumexp", expansion=logsumexp_expanded, signature="a, axis=None, *, keepdims=False",
    infer=_reduced_float, adjoint="scalar",
    forward=logsumexp_forward,
    samples=(
        *reduction_samples(),
        fixed([-np.inf, -np.inf], avoid="nothing but -inf", gradients=([0.0, 0.0],)),
        fixed([[-np.inf, 0.0], [-np.inf, -np.inf]], axis=0, avoid="-inf", gradients=([[0.0, 1.0], [0.0, 0.0]],)),
        fixed([[-np.inf, -np.inf], [0.0, -np.inf]], axis=1, avoid="-inf", gradients=([[0.0, 0.0], [1.0, 0.0]],)),
    ),
)  # fmt: skip
def logsumexp(a, axis=None, keepdims=False, *, out, d_out):
    if axis is None or axis == 0 or keepdims or out.ndim == 0:
        norm = out
        d_norm = d_out
    else:
        norm = np.expand_dims(out, axis)
        if d_out.ndim == 0:
            d_norm = d_out
        else:
            d_norm = np.expand_dims(d_out, axis)
    d_a = np.exp(a - np.where(norm == -np.inf, 0.0, norm)) * d_norm


def softmax_forward(x, axis=None, *, x_dot, out):
    if axis is None:
        out_dot = out * (x_dot - np.sum(x_dot * out))
    else:
        out_dot = out * (x_dot - np.sum(x_dot * out, axis=axis, keepdims=True))


_softmax_samples = (
    draw((4,)),
    draw((2, 3), axis=1),
    draw((2, 3), axis=0),
    draw((2, 3)),
    draw((2, 3), axis=-1),
    draw((1,)),
)


def softmax_expanded(x, axis=None):
    weights = np.exp(x - np.max(x, axis=axis, keepdims=True))
    result = weights / np.sum(weights, axis=axis, keepdims=True)


def log_softmax_expanded(x, axis=None):
    highest = np.max(x, axis=axis, keepdims=True)
    shifted = x - np.where(np.isinf(highest), 0.0, highest)
    result = shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


@declare(
    "scipy.special.softmax",
    expansion=softmax_expanded,
    infer=floating,
    adjoint="any",
    forward=softmax_forward,
    samples=_softmax_samples,
)
def softmax(x, axis=None, *, out, d_out):
    if axis is None:
        d_x = out * (d_out - np.sum(d_out * out))
    else:
        d_x = out * (d_out - np.sum(d_out * out, axis=axis, keepdims=True))


def log_softmax_forward(x, axis=None, *, x_dot, out):
    if axis is None:
        out_dot = x_dot - np.sum(x_dot * np.exp(out))
    else:
        out_dot = x_dot - np.sum(x_dot * np.exp(out), axis=axis, keepdims=True)


@declare(
    "scipy.special.log_softmax",
    expansion=log_softmax_expanded,
    infer=floating,
    forward=log_softmax_forward,
    samples=_softmax_samples,
)
def log_softmax(x, axis=None, *, out, d_out):
    if axis is None:
        d_x = d_out - np.exp(out) * np.sum(d_out)
    else:
        d_x = d_out - np.exp(out) * np.sum(d_out, axis=axis, keepdims=True)


# ---- entropies -------------------------------------------------------------------------------


@declare(
    "scipy.special.xlogy", **_smooth(0.2, 2.0, fixed([0.0, 0.0, 2.0], [0.0, 1.0, 4.0], wrt=(1,), avoid="0 log 0",
    gradients=([0.0, 0.0, 0.5],)), two=True), device="xlogy",
)  # fmt: skip
def xlogy(x, y, *, out, d_out):
    d_x = d_out * np.log(y)
    d_y = (
        d_out * x / np.where((x == 0.0) & (y == 0.0), 1.0, y)
    )  # d_y at x = 0 goes on changing with x


@declare("scipy.special.xlog1py", **_smooth(0.2, 2.0, two=True), device="xlog1py")
def xlog1py(x, y, *, out, d_out):
    d_x = d_out * np.log1p(y)
    d_y = d_out * x / np.where((x == 0.0) & (y == -1.0), 1.0, 1.0 + y)


@declare("scipy.special.entr", **_smooth(0.2, 2.0), device="entr")
def entr(x, *, out, d_out):
    d_x = -d_out * (np.log(x) + 1.0)


# ---- the normal distribution -----------------------------------------------------------------


@declare("scipy.special.erf", math.erf, **_smooth(), compiled="erf")
def erf(x, *, out, d_out):
    d_x = d_out * np.exp(-(x**2)) * (2.0 / np.sqrt(np.pi))


@declare("scipy.special.erfc", math.erfc, **_smooth(), compiled="erfc")
def erfc(x, *, out, d_out):
    d_x = -d_out * np.exp(-(x**2)) * (2.0 / np.sqrt(np.pi))


@declare("scipy.special.ndtr", **_smooth(), compiled="ndtr", device="ndtr")
def ndtr(x, *, out, d_out):
    d_x = d_out * np.exp(-0.5 * x**2) / np.sqrt(2.0 * np.pi)


@declare(
    "scipy.special.log_ndtr",
    **_smooth(-2.0, 2.0, fixed([-8.0, -30.0, 4.0])),
    compiled="log_ndtr",
    device="log_ndtr",
)
def log_ndtr(x, *, out, d_out):
    d_x = d_out * np.exp(-0.5 * x**2 - out) / np.sqrt(2.0 * np.pi)


# ---- the gamma function ----------------------------------------------------------------------


@declare("scipy.special.gammaln", math.lgamma, **_smooth(0.3, 4.0), compiled="lgamma")
def gammaln(x, *, out, d_out):
    d_x = d_out * special.digamma(x)


@declare("scipy.special.gamma", math.gamma, **_smooth(0.3, 4.0))
def gamma(x, *, out, d_out):
    d_x = d_out * out * special.digamma(x)


@declare(
    "scipy.special.digamma",
    "scipy.special.psi",
    **_smooth(0.3, 4.0),
    compiled="digamma",
    device="digamma",
)
def digamma(x, *, out, d_out):
    d_x = d_out * special.polygamma(1, x)


@declare(
    "scipy.special.polygamma", infer=double, elementwise=True, boxes=True, compiled="polygamma", device="polygamma",
    samples=(fixed(1, [0.5, 1.5, 3.0], wrt=(1,)), fixed(2, 1.5, wrt=(1,)), fixed([[1], [3]], [0.5, 1.5], wrt=(1,))),
)  # fmt: skip
def polygamma(n, x, *, out, d_out):
    d_x = d_out * special.polygamma(n + 1, x)


@declare("scipy.special.betaln", **_smooth(0.3, 4.0, two=True), device="betaln")
def betaln(a, b, *, out, d_out):
    d_a = d_out * (special.digamma(a) - special.digamma(a + b))
    d_b = d_out * (special.digamma(b) - special.digamma(a + b))
