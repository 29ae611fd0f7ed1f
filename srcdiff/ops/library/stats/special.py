"""Functions of `scipy.special`, written with other functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.ops.control.control import stop_gradient
from srcdiff.ops.core.lazy_module import LazyModule
from srcdiff.ops.core.registry import composite, evaluated
from srcdiff.ops.core.samples import call
from srcdiff.ops.elementwise.gamma import hurwitz_zeta, riemann_zeta
from srcdiff.ops.library.compile_time import array
from srcdiff.ops.library.stats.loc_scale import wide

special = LazyModule("scipy.special")
_fixed: Any = stop_gradient


@evaluated
def _constant(d: int) -> float:
    return 0.25 * d * (d - 1) * float(np.log(np.pi))


@evaluated
def _steps(d: int) -> tuple[float, ...]:
    return tuple(0.5 * k for k in range(1, d))


@composite(
    "scipy.special.multigammaln",
    samples=(
        call("scipy.special.multigammaln(x, 3)", (4,), low=2.0, high=5.0),
        call("scipy.special.multigammaln(x, 2)", (2, 2), low=2.0, high=5.0),
        call("scipy.special.multigammaln(x, 1)", 2.5),
    ),
)
def multigammaln(a, d):
    a = wide(a)
    total = special.gammaln(a) + _constant(d)
    for step in _steps(d):
        total = total + special.gammaln(a - step)
    return total


@evaluated
def _far_above(dtype: Any) -> float:
    """An exponent whose exponential stays finite with a wide margin: half the largest."""
    return float(np.floor(0.5 * np.log(np.finfo(dtype).max)))


@composite(
    "scipy.special.logsumexp",
    given=("b", "return_sign"),
    samples=(
        call("scipy.special.logsumexp(x, b=y + 3.0)", (4,), (4,)),
        call("scipy.special.logsumexp(x, axis=1, b=y + 3.0, keepdims=True)", (2, 3), (3,)),
        call("scipy.special.logsumexp(x, 0, y, return_sign=True)[0]", (3, 2), (3, 2)),
        call(
            "scipy.special.logsumexp(x, b=y)",
            [0.0, 1e4, 1.0],
            [1.0, 0.0, 1.0],
            wrt=(0,),
        ),
    ),
    of_complex=True,
)
def weighted_logsumexp(a, axis=None, b=None, keepdims=False, return_sign=False):
    a, b = np.atleast_1d(array(a)), 1.0 if b is None else array(b)
    weighs = np.where(b == 0.0, -np.inf, np.real(a))
    highest = _fixed(np.max(weighs, axis=axis, keepdims=True))
    top = np.where(np.isinf(highest), 0.0, highest)
    most = _far_above((a * 1.0).dtype)
    # terms without weight may be inf or NaN
    shifted = np.where((b == 0.0) & ~(np.real(a) - top < most), most, a - top)
    total = np.sum(b * np.exp(shifted), axis=axis, keepdims=keepdims)
    if not keepdims:
        top = np.reshape(top, total.shape)
    if return_sign:
        return np.log(np.abs(total)) + top, np.sign(total)
    return np.log(total) + top


@composite(
    "scipy.special.softmax",
    of_complex=True,
    samples=(call("scipy.special.softmax(x, axis=1)", (2, 3)),),
)
def complex_softmax(x, axis=None):
    weights = np.exp(x - _fixed(np.max(np.real(x), axis=axis, keepdims=True)))
    return weights / np.sum(weights, axis=axis, keepdims=True)


@composite(
    "scipy.special.log_softmax",
    of_complex=True,
    samples=(call("scipy.special.log_softmax(x, axis=1)", (2, 3)),),
)
def complex_log_softmax(x, axis=None):
    shifted = x - _fixed(np.max(x, axis=axis, keepdims=True))
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


@composite(
    "scipy.special.zeta",
    samples=(
        call("scipy.special.zeta(2.5, x)", (4,), low=0.5, high=3.0),
        call("scipy.special.zeta(x, y)", [2.0, 3.5], [0.5, 1.5], wrt=(1,)),
        call("scipy.special.zeta(x)", [2.0, 3.5], wrt=()),
    ),
)
def zeta(x, q=None, out=None):
    if q is None:
        return riemann_zeta(x)
    return hurwitz_zeta(x, q)
