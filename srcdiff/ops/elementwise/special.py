"""SciPy's special functions, and those of `math`: log-probabilities, entropies and error functions.

`logsumexp` of -inf only has derivative 0, so that an unreachable state passes nothing on. `xlogy(x, y)` has derivative
0 with respect to y where x is 0.
"""

from __future__ import annotations

import math

import numpy as np

from srcdiff.ops.arrays.reductions import highest_of
from srcdiff.ops.core.axes import reduced, reduction_samples
from srcdiff.ops.core.registry import declare
from srcdiff.ops.core.samples import draw, fixed
from srcdiff.ops.core.type_rules import floating
from srcdiff.ops.core.ufuncs import smooth, special, special_function

# ---- log-probabilities -----------------------------------------------------------------------


@declare("scipy.special.expit", **smooth(), sign="positive", compiled="expit", device="expit")
def expit(x, *, out, d_out):
    d_x = d_out * out * (1.0 - out)


@special_function(low=0.1, high=0.9, device="logit")
def logit(x, *, out, d_out):
    d_x = d_out / (x * (1.0 - x))


@declare("scipy.special.log_expit", **smooth(), compiled="log_expit", device="log_expit")
def log_expit(x, *, out, d_out):
    d_x = d_out * special.expit(-x)


@declare("scipy.special.softplus", **smooth(), compiled="softplus")
def softplus(x, *, out, d_out):
    d_x = d_out * special.expit(x)


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
    infer=_reduced_float, adjoint="scalar", raises=True,
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
    sign="positive",
    adjoint="any",
    forward=softmax_forward,
    raises=True,
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
    raises=True,
    samples=_softmax_samples,
)
def log_softmax(x, axis=None, *, out, d_out):
    if axis is None:
        d_x = d_out - np.exp(out) * np.sum(d_out)
    else:
        d_x = d_out - np.exp(out) * np.sum(d_out, axis=axis, keepdims=True)


# ---- entropies -------------------------------------------------------------------------------


_zero_log_zero = fixed(
    [0.0, 0.0, 2.0], [0.0, 1.0, 4.0], wrt=(1,), avoid="0 log 0", gradients=([0.0, 0.0, 0.5],)
)


@special_function(
    low=0.2, high=2.0, count=2, samples=(_zero_log_zero,), device="xlogy", takes_complex=True
)
def xlogy(x, y, *, out, d_out):
    d_x = d_out * np.log(y)
    d_y = d_out * x / np.where((x == 0.0) & (y == 0.0), 1.0, y)  # at x = 0, d_y still depends on x


@special_function(low=0.2, high=2.0, count=2, device="xlog1py", takes_complex=True)
def xlog1py(x, y, *, out, d_out):
    d_x = d_out * np.log1p(y)
    d_y = d_out * x / np.where((x == 0.0) & (y == -1.0), 1.0, 1.0 + y)


@special_function(low=0.2, high=2.0, device="entr")
def entr(x, *, out, d_out):
    d_x = -d_out * (np.log(x) + 1.0)


@special_function(low=0.2, high=2.0, count=2)
def rel_entr(x, y, *, out, d_out):
    d_x = d_out * (np.log(x / y) + 1.0)
    d_y = -d_out * x / np.where((x == 0.0) & (y == 0.0), 1.0, y)


@special_function(low=0.2, high=2.0, count=2)
def kl_div(x, y, *, out, d_out):
    d_x = d_out * np.log(x / y)
    d_y = d_out * (1.0 - x / np.where((x == 0.0) & (y == 0.0), 1.0, y))


# ---- the normal distribution -----------------------------------------------------------------


@declare("scipy.special.erf", math.erf, **smooth(), compiled="erf", takes_complex=True)
def erf(x, *, out, d_out):
    d_x = d_out * np.exp(-(x**2)) * (2.0 / np.sqrt(np.pi))


@declare(
    "scipy.special.erfc",
    math.erfc,
    **smooth(),
    sign="positive",
    compiled="erfc",
    takes_complex=True,
)
def erfc(x, *, out, d_out):
    d_x = -d_out * np.exp(-(x**2)) * (2.0 / np.sqrt(np.pi))


@declare(
    "scipy.special.ndtr",
    **smooth(),
    sign="positive",
    compiled="ndtr",
    device="ndtr",
    takes_complex=True,
)
def ndtr(x, *, out, d_out):
    d_x = d_out * np.exp(-0.5 * x**2) / np.sqrt(2.0 * np.pi)


@declare(
    "scipy.special.log_ndtr",
    **smooth(
        -2.0,
        2.0,
        fixed([-8.0, -30.0, 4.0]),
        fixed([-1e4, -1e9], avoid="far below", gradients=([1e4 + 1e-4, 1e9],)),
        fixed([-math.inf, math.inf], avoid="infinite", gradients=([0.0, 0.0],)),
    ),
    compiled="log_ndtr",
    device="log_ndtr",
    takes_complex=True,
)
def log_ndtr(x, *, out, d_out):
    if x.dtype.kind == "c":
        d_x = d_out * np.exp(-0.5 * x**2 - out) / np.sqrt(2.0 * np.pi)
    else:  # in the far tail, a difference of logarithms has no digits; at -inf, the derivative is taken to be 0
        near, log_cdf, far = np.maximum(x, -1e3), np.maximum(out, -500008.0), np.minimum(x, -1e3)
        ratio = np.exp(-0.5 * near**2 - log_cdf) / np.sqrt(2.0 * np.pi)
        d_x = d_out * np.where(x < -1e3, np.where(np.isinf(x), 0.0, -far - 1.0 / far), ratio)


@special_function(low=-2.0, high=2.0, sign="positive", takes_complex=True)
def erfcx(x, *, out, d_out):
    d_x = d_out * (2.0 * x * out - 2.0 / np.sqrt(np.pi))


@special_function(low=-2.0, high=2.0)
def erfi(x, *, out, d_out):
    d_x = d_out * np.exp(x**2) * (2.0 / np.sqrt(np.pi))


@special_function(low=-2.0, high=2.0)
def dawsn(x, *, out, d_out):
    d_x = d_out * (1.0 - 2.0 * x * out)


@special_function(low=-0.9, high=0.9)
def erfinv(x, *, out, d_out):
    d_x = d_out * np.exp(out**2) * (np.sqrt(np.pi) / 2.0)


@special_function(low=0.1, high=1.9)
def erfcinv(x, *, out, d_out):
    d_x = -d_out * np.exp(out**2) * (np.sqrt(np.pi) / 2.0)


@special_function(low=0.1, high=0.9)
def ndtri(p, *, out, d_out):
    d_p = d_out * np.exp(0.5 * out**2) * np.sqrt(2.0 * np.pi)


@special_function(low=-3.0, high=-0.1, samples=(fixed([-800.0, -0.01, -40.0]),))
def ndtri_exp(y, *, out, d_out):
    d_y = d_out * np.sqrt(0.5 * np.pi) * special.erfcx(-out / np.sqrt(2.0))


@special_function(count=2)
def owens_t(h, a, *, out, d_out):
    d_h = -d_out * np.exp(-0.5 * h**2) * special.erf(a * h / np.sqrt(2.0)) / np.sqrt(8.0 * np.pi)
    d_a = d_out * np.exp(-0.5 * h**2 * (1.0 + a**2)) / (2.0 * np.pi * (1.0 + a**2))
