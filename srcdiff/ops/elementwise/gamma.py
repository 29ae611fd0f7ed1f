"""The gamma function and related functions.

Incomplete gamma and beta functions and their inverses have derivatives with respect to all arguments. Derivatives with
respect to the parameters are integrals (`runtime/quantile_paths.py`), because SciPy has no functions for them. Second
derivatives with respect to the parameters are refused.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from srcdiff.ir.core import Op
from srcdiff.ops.core.lazy_module import LazyModule
from srcdiff.ops.core.registry import declare, operation
from srcdiff.ops.core.samples import fixed, unary
from srcdiff.ops.core.type_rules import double, floating
from srcdiff.ops.core.ufuncs import special, special_function

paths = LazyModule("srcdiff.ops.elementwise.implicit_quantiles")


@declare(
    "scipy.special.gammaln",
    math.lgamma,
    infer=floating,
    elementwise=True,
    samples=unary(0.3, 4.0),
    compiled="lgamma",
)
def gammaln(x, *, out, d_out):
    d_x = d_out * special.digamma(x)


@declare(
    "scipy.special.gamma",
    math.gamma,
    infer=floating,
    elementwise=True,
    samples=unary(0.3, 4.0),
    c_function="gamma",
)
def gamma(x, *, out, d_out):
    d_x = d_out * out * special.digamma(x)


@special_function(low=0.3, high=4.0)
def loggamma(x, *, out, d_out):
    d_x = d_out * special.digamma(x)


@special_function(low=0.3, high=4.0, differentiable=False)
def gammasgn(x, *, out, d_out):
    d_x = 0.0


# 1 / gamma has zeros where digamma is infinite: below 1/2, the rule uses the reflection formula
@special_function(
    low=-2.7,
    high=4.0,
    samples=(fixed([0.0, -1.0, -2.0, -3.0], avoid="", gradients=([1.0, -1.0, 2.0, -6.0],)),),
)
def rgamma(x, *, out, d_out):
    is_low = x < 0.5
    mirrored = 1.0 - np.where(is_low, x, 0.5)
    angle = np.pi * mirrored
    low = np.sin(angle) / np.pi * special.digamma(mirrored) + np.cos(angle)
    high = out * special.digamma(np.where(is_low, 0.5, x))
    d_x = -d_out * np.where(is_low, special.gamma(mirrored) * low, high)


@declare(
    "scipy.special.digamma",
    "scipy.special.psi",
    infer=floating,
    elementwise=True,
    samples=unary(0.3, 4.0),
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


@special_function(low=0.3, high=4.0, count=2)
def poch(a, m, *, out, d_out):
    d_a = d_out * out * (special.digamma(a + m) - special.digamma(a))
    d_m = d_out * out * special.digamma(a + m)


@special_function(low=0.3, high=4.0, count=2)
def beta(a, b, *, out, d_out):
    d_a = d_out * out * (special.digamma(a) - special.digamma(a + b))
    d_b = d_out * out * (special.digamma(b) - special.digamma(a + b))


@special_function(low=0.3, high=4.0, count=2, device="betaln")
def betaln(a, b, *, out, d_out):
    d_a = d_out * (special.digamma(a) - special.digamma(a + b))
    d_b = d_out * (special.digamma(b) - special.digamma(a + b))


_incomplete_gamma = (
    fixed(1.5, [0.5, 2.0, 4.0], wrt=(1,)),
    fixed([[0.7], [3.0]], [0.5, 2.0, 4.0], wrt=(1,)),
    fixed([1.0, 1.0], [0.0, 0.5], wrt=(1,), avoid="the end of the domain"),
    fixed(2.5, 1.5, wrt=(1,)),
)


@special_function(count=0, samples=_incomplete_gamma)
def gammainc(a, x, *, out, d_out):
    density = np.exp(special.xlogy(a - 1.0, x) - x - special.gammaln(a))
    path = paths.gamma_path(a, x, special.digamma(a + 1.0))
    d_a = -d_out * np.where(x > 0.0, density * path, 0.0)
    d_x = d_out * density


@special_function(count=0, samples=_incomplete_gamma)
def gammaincc(a, x, *, out, d_out):
    density = np.exp(special.xlogy(a - 1.0, x) - x - special.gammaln(a))
    path = paths.gamma_path(a, x, special.digamma(a + 1.0))
    d_a = d_out * np.where(x > 0.0, density * path, 0.0)
    d_x = -d_out * density


_of_beta = (
    fixed(1.5, 0.7, [0.1, 0.5, 0.9], wrt=(2,)),
    fixed([[1.5], [3.0]], 2.0, [0.1, 0.5, 0.9], wrt=(2,)),
    fixed(2.0, 3.5, 0.4, wrt=(2,)),
)


@special_function(count=0, samples=_of_beta)
def betainc(a, b, x, *, out, d_out):
    log_density = special.xlogy(a - 1.0, x) + special.xlog1py(b - 1.0, -x) - special.betaln(a, b)
    density = np.exp(log_density)
    digamma_sum = special.digamma(a + b)
    by_a = paths.beta_path(a, b, x, special.digamma(a + 1.0), digamma_sum)
    by_b = paths.beta_path(b, a, 1.0 - x, special.digamma(b + 1.0), digamma_sum)
    is_inside = (x > 0.0) & (x < 1.0)
    d_a = -d_out * np.where(is_inside, density * by_a, 0.0)
    d_b = d_out * np.where(is_inside, density * by_b, 0.0)
    d_x = d_out * density


_quantiles = (
    fixed(1.5, [0.2, 0.5, 0.9], wrt=(1,)),
    fixed([[0.7], [3.0]], [0.2, 0.5, 0.9], wrt=(1,)),
    fixed(2.5, 0.4, wrt=(1,)),
)


# d_y is 1 over the density at the result
@special_function(count=0, samples=_quantiles)
def gammaincinv(a, y, *, out, d_out):
    d_a = d_out * paths.gamma_path(a, out, special.digamma(a + 1.0))
    d_y = d_out * np.exp(out + special.gammaln(a) - special.xlogy(a - 1.0, out))


@special_function(count=0, samples=_quantiles)
def gammainccinv(a, y, *, out, d_out):
    d_a = d_out * paths.gamma_path(a, out, special.digamma(a + 1.0))
    d_y = -d_out * np.exp(out + special.gammaln(a) - special.xlogy(a - 1.0, out))


@special_function(count=0, samples=_of_beta)
def betaincinv(a, b, y, *, out, d_out):
    digamma_sum = special.digamma(a + b)
    d_a = d_out * paths.beta_path(a, b, out, special.digamma(a + 1.0), digamma_sum)
    d_b = -d_out * paths.beta_path(b, a, 1.0 - out, special.digamma(b + 1.0), digamma_sum)
    log_density = (
        special.xlogy(a - 1.0, out) + special.xlog1py(b - 1.0, -out) - special.betaln(a, b)
    )
    d_y = d_out * np.exp(-log_density)


# ---- Student's t -----------------------------------------------------------------------------
# t**2 / (df + t**2) is a beta quantile with parameters 1/2 and df / 2


@special_function(
    count=0,
    samples=(
        fixed(3.5, [-2.0, 0.0, 1.5], wrt=(1,)),
        fixed([[1.0], [7.0]], [-2.0, 0.3, 1.5], wrt=(1,)),
        fixed(3.5, 0.5, wrt=(1,)),
    ),
)
def stdtr(df, t, *, out, d_out):
    half = 0.5 * df
    rest = df / (df + t**2)
    moved = -paths.beta_path(
        half, 0.5, rest, special.digamma(half + 1.0), special.digamma(half + 0.5)
    )
    safe = np.where(t == 0.0, 1.0, t**2 / (df + t**2))
    order = 0.5 * (df + 1.0)
    log_density = -order * np.log1p(t**2 / df) - special.betaln(0.5 * df, 0.5)
    density = np.exp(log_density) / np.sqrt(df)
    d_df = -d_out * density * t * (0.5 / df + 0.25 * moved / (safe * rest))
    d_t = d_out * density


@special_function(
    count=0,
    samples=(
        fixed(3.5, [0.1, 0.5, 0.9], wrt=(1,)),
        fixed([[1.0], [7.0]], [0.1, 0.4, 0.9], wrt=(1,)),
        fixed(3.5, 0.6, wrt=(1,)),
    ),
)
def stdtrit(df, p, *, out, d_out):
    half = 0.5 * df
    rest = df / (df + out**2)
    moved = -paths.beta_path(
        half, 0.5, rest, special.digamma(half + 1.0), special.digamma(half + 0.5)
    )
    safe = np.where(out == 0.0, 1.0, out**2 / (df + out**2))
    d_df = d_out * out * (0.5 / df + 0.25 * moved / (safe * rest))
    order = 0.5 * (df + 1.0)
    log_density = -order * np.log1p(out**2 / df) - special.betaln(0.5 * df, 0.5)
    d_p = d_out * np.sqrt(df) * np.exp(-log_density)


# ---- zeta ------------------------------------------------------------------------------------


# for derivatives with respect to the exponent, SciPy has no formula
@declare(
    spelling="scipy.special.zeta",
    infer=floating,
    elementwise=True,
    c_function="zeta",
    samples=(
        fixed(2.5, [0.5, 1.5, 3.0], wrt=(1,)),
        fixed([[2.0], [3.5]], [0.5, 1.5], wrt=(1,)),
    ),
)
def hurwitz_zeta(x, q, *, out, d_out):
    d_q = -d_out * x * special.zeta(x + 1.0, q)


riemann_zeta: Any = operation(
    "riemann_zeta",
    spelling="scipy.special.zeta",
    signature="x",
    infer=floating,
    elementwise=True,
    routine=lambda op: "srcdiff.runtime.scipy_special.riemann_zeta({0})",
)


# ---- Lambert's W -----------------------------------------------------------------------------


def _real_branch(op: Op) -> str:
    k = op.attrs.get("k", 0)
    return f"scipy.special.lambertw({{0}}{f', {k}' if k else ''}).real"


def _compiled_branch(op: Op) -> str:
    return f"srcdiff.runtime.scipy_special.lambertw({{0}}, {op.attrs.get('k', 0)}).real"


# the branches 0 and -1 where they are real. SciPy's results are complex; programs take their real part. Below -1 / e,
# no branch is real, and the derivative is NaN
@declare(
    "scipy.special.lambertw",
    name="lambertw",
    template=_real_branch,
    routine=_compiled_branch,
    infer=double,
    elementwise=True,
    samples=(
        fixed([-0.3, 0.0, 0.5, 20.0], wrt=(0,)),
        fixed([[-0.3], [2.0]], wrt=(0,)),
        fixed([-0.3, -0.1], wrt=(0,), k=-1),
        fixed(1.5, wrt=(0,)),
    ),
)
def lambertw(z, k=0, tol=1e-8, *, out, d_out):
    d_z = d_out * np.where(z < -np.exp(-1.0), np.nan, np.exp(-out) / (1.0 + out))
