"""Standard forms of the continuous distributions of `scipy.stats`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from srcdiff.ops.core.lazy_module import LazyModule
from srcdiff.ops.library.stats.loc_scale import Standard, distribution

special: Any = LazyModule("scipy.special")

_POSITIVE = (0.0, math.inf)
_LOG_SQRT_2_PI = 0.9189385332046727
_LOG_PI = 1.1447298858494002
_EULER = 0.5772156649015329


def _zero(z: Any) -> Any:
    return np.floor(0.5 * z)  # NaN for NaN


# ---- normal ----------------------------------------------------------------------------------


def _norm_log_density(z: Any) -> Any:
    return -0.5 * z**2 - _LOG_SQRT_2_PI


def _norm_cdf(z: Any) -> Any:
    return special.ndtr(z)


def _norm_log_cdf(z: Any) -> Any:
    return special.log_ndtr(z)


def _norm_sf(z: Any) -> Any:
    return special.ndtr(-z)


def _norm_log_sf(z: Any) -> Any:
    return special.log_ndtr(-z)


def _norm_entropy() -> Any:
    return 0.5 + _LOG_SQRT_2_PI


distribution(
    "norm",
    Standard(
        {}, _norm_log_density, _norm_cdf, _norm_log_cdf, _norm_sf, _norm_log_sf, _norm_entropy
    ),
)


# ---- lognormal -------------------------------------------------------------------------------


def _lognorm_log_density(z: Any, s: Any) -> Any:
    log_z = np.log(z)
    return -0.5 * (log_z / s) ** 2 - np.log(s) - log_z - _LOG_SQRT_2_PI


def _lognorm_cdf(z: Any, s: Any) -> Any:
    return special.ndtr(np.log(z) / s)


def _lognorm_log_cdf(z: Any, s: Any) -> Any:
    return special.log_ndtr(np.log(z) / s)


def _lognorm_sf(z: Any, s: Any) -> Any:
    return special.ndtr(-np.log(z) / s)


def _lognorm_log_sf(z: Any, s: Any) -> Any:
    return special.log_ndtr(-np.log(z) / s)


def _lognorm_entropy(s: Any) -> Any:
    return 0.5 + _LOG_SQRT_2_PI + np.log(s)


distribution(
    "lognorm",
    Standard(
        {"s": 0.7},
        _lognorm_log_density,
        _lognorm_cdf,
        _lognorm_log_cdf,
        _lognorm_sf,
        _lognorm_log_sf,
        _lognorm_entropy,
        support=_POSITIVE,
        is_open=True,
        ends_at_infinity=True,
    ),
)


# ---- Student's t and Cauchy ------------------------------------------------------------------


def _t_log_density(z: Any, df: Any) -> Any:
    half = 0.5 * (df + 1.0)
    return -special.betaln(0.5 * df, 0.5) - 0.5 * np.log(df) - half * np.log1p(z**2 / df)


def _t_cdf(z: Any, df: Any) -> Any:
    return special.stdtr(df, z)


def _t_log_cdf(z: Any, df: Any) -> Any:
    return np.log(special.stdtr(df, z))


def _t_sf(z: Any, df: Any) -> Any:
    return special.stdtr(df, -z)


def _t_log_sf(z: Any, df: Any) -> Any:
    return np.log(special.stdtr(df, -z))


def _t_entropy(df: Any) -> Any:
    half = 0.5 * (df + 1.0)
    growth = half * (special.digamma(half) - special.digamma(0.5 * df))
    return growth + 0.5 * np.log(df) + special.betaln(0.5 * df, 0.5)


distribution(
    "t",
    Standard(
        {"df": 3.5},
        _t_log_density,
        _t_cdf,
        _t_log_cdf,
        _t_sf,
        _t_log_sf,
        _t_entropy,
        ends_at_infinity=True,
    ),
)


def _cauchy_log_density(z: Any) -> Any:
    return -_LOG_PI - np.log1p(z**2)


def _cauchy_cdf(z: Any) -> Any:
    return np.arctan2(1.0, -z) / np.pi


def _cauchy_log_cdf(z: Any) -> Any:
    return np.log(np.arctan2(1.0, -z) / np.pi)


def _cauchy_sf(z: Any) -> Any:
    return np.arctan2(1.0, z) / np.pi


def _cauchy_log_sf(z: Any) -> Any:
    return np.log(np.arctan2(1.0, z) / np.pi)


def _cauchy_entropy() -> Any:
    return np.log(4.0 * np.pi)


distribution(
    "cauchy",
    Standard(
        {},
        _cauchy_log_density,
        _cauchy_cdf,
        _cauchy_log_cdf,
        _cauchy_sf,
        _cauchy_log_sf,
        _cauchy_entropy,
    ),
)


# ---- gamma, chi-squared and inverse gamma ----------------------------------------------------


def _gamma_log_density(z: Any, a: Any) -> Any:
    return special.xlogy(a - 1.0, z) - z - special.gammaln(a)


def _gamma_cdf(z: Any, a: Any) -> Any:
    return special.gammainc(a, z)


def _gamma_log_cdf(z: Any, a: Any) -> Any:
    return np.log(special.gammainc(a, z))


def _gamma_sf(z: Any, a: Any) -> Any:
    return special.gammaincc(a, z)


def _gamma_log_sf(z: Any, a: Any) -> Any:
    return np.log(special.gammaincc(a, z))


def _gamma_entropy(a: Any) -> Any:
    return a + special.gammaln(a) + (1.0 - a) * special.digamma(a)


distribution(
    "gamma",
    Standard(
        {"a": 1.5},
        _gamma_log_density,
        _gamma_cdf,
        _gamma_log_cdf,
        _gamma_sf,
        _gamma_log_sf,
        _gamma_entropy,
        support=_POSITIVE,
        ends_at_infinity=True,
    ),
)


def _chi2_log_density(z: Any, df: Any) -> Any:
    return _gamma_log_density(0.5 * z, 0.5 * df) - np.log(2.0)


def _chi2_cdf(z: Any, df: Any) -> Any:
    return special.gammainc(0.5 * df, 0.5 * z)


def _chi2_log_cdf(z: Any, df: Any) -> Any:
    return np.log(special.gammainc(0.5 * df, 0.5 * z))


def _chi2_sf(z: Any, df: Any) -> Any:
    return special.gammaincc(0.5 * df, 0.5 * z)


def _chi2_log_sf(z: Any, df: Any) -> Any:
    return np.log(special.gammaincc(0.5 * df, 0.5 * z))


def _chi2_entropy(df: Any) -> Any:
    return _gamma_entropy(0.5 * df) + np.log(2.0)


distribution(
    "chi2",
    Standard(
        {"df": 3.5},
        _chi2_log_density,
        _chi2_cdf,
        _chi2_log_cdf,
        _chi2_sf,
        _chi2_log_sf,
        _chi2_entropy,
        support=_POSITIVE,
        ends_at_infinity=True,
    ),
)


def _invgamma_log_density(z: Any, a: Any) -> Any:
    return -(a + 1.0) * np.log(z) - special.gammaln(a) - 1.0 / z


def _invgamma_cdf(z: Any, a: Any) -> Any:
    return special.gammaincc(a, 1.0 / z)


def _invgamma_log_cdf(z: Any, a: Any) -> Any:
    return np.log(special.gammaincc(a, 1.0 / z))


def _invgamma_sf(z: Any, a: Any) -> Any:
    return special.gammainc(a, 1.0 / z)


def _invgamma_log_sf(z: Any, a: Any) -> Any:
    return np.log(special.gammainc(a, 1.0 / z))


def _invgamma_entropy(a: Any) -> Any:
    return a + special.gammaln(a) - (1.0 + a) * special.digamma(a)


distribution(
    "invgamma",
    Standard(
        {"a": 2.5},
        _invgamma_log_density,
        _invgamma_cdf,
        _invgamma_log_cdf,
        _invgamma_sf,
        _invgamma_log_sf,
        _invgamma_entropy,
        support=_POSITIVE,
        is_open=True,
        ends_at_infinity=True,
    ),
)


# ---- beta and uniform ------------------------------------------------------------------------


def _beta_log_density(z: Any, a: Any, b: Any) -> Any:
    return special.xlog1py(b - 1.0, -z) + special.xlogy(a - 1.0, z) - special.betaln(a, b)


def _beta_cdf(z: Any, a: Any, b: Any) -> Any:
    return special.betainc(a, b, z)


def _beta_log_cdf(z: Any, a: Any, b: Any) -> Any:
    return np.log(special.betainc(a, b, z))


def _beta_sf(z: Any, a: Any, b: Any) -> Any:
    return special.betainc(b, a, 1.0 - z)


def _beta_log_sf(z: Any, a: Any, b: Any) -> Any:
    return np.log(special.betainc(b, a, 1.0 - z))


def _beta_entropy(a: Any, b: Any) -> Any:
    total = (a + b - 2.0) * special.digamma(a + b)
    parts = (a - 1.0) * special.digamma(a) + (b - 1.0) * special.digamma(b)
    return special.betaln(a, b) - parts + total


distribution(
    "beta",
    Standard(
        {"a": 2.5, "b": 1.5},
        _beta_log_density,
        _beta_cdf,
        _beta_log_cdf,
        _beta_sf,
        _beta_log_sf,
        _beta_entropy,
        support=(0.0, 1.0),
        inside=0.5,
    ),
)


def _uniform_cdf(z: Any) -> Any:
    return z


def _uniform_sf(z: Any) -> Any:
    return 1.0 - z


def _uniform_log_cdf(z: Any) -> Any:
    return np.log(z)


def _uniform_log_sf(z: Any) -> Any:
    return np.log1p(-z)


def _uniform_entropy() -> Any:
    return 0.0


distribution(
    "uniform",
    Standard(
        {},
        _zero,
        _uniform_cdf,
        _uniform_log_cdf,
        _uniform_sf,
        _uniform_log_sf,
        _uniform_entropy,
        support=(0.0, 1.0),
        inside=0.5,
    ),
)


# ---- exponential, Laplace and Weibull --------------------------------------------------------


def _minus(z: Any) -> Any:
    return -z


def _expon_cdf(z: Any) -> Any:
    return -np.expm1(-z)


def _expon_log_cdf(z: Any) -> Any:
    return np.log(-np.expm1(-z))


def _expon_sf(z: Any) -> Any:
    return np.exp(-z)


def _expon_entropy() -> Any:
    return 1.0


distribution(
    "expon",
    Standard(
        {},
        _minus,
        _expon_cdf,
        _expon_log_cdf,
        _expon_sf,
        _minus,
        _expon_entropy,
        support=_POSITIVE,
    ),
)


def _laplace_log_density(z: Any) -> Any:
    return -np.abs(z) - np.log(2.0)


def _size(z: Any) -> Any:
    """The absolute value with the slope from the left at 0, for functions of it that have no kink there."""
    return np.where(z > 0.0, z, -z)


def _laplace_cdf(z: Any) -> Any:
    half = 0.5 * np.exp(-_size(z))
    return np.where(z > 0.0, 1.0 - half, half)


def _laplace_log_cdf(z: Any) -> Any:
    size = _size(z)
    return np.where(z > 0.0, np.log1p(-0.5 * np.exp(-size)), -size - np.log(2.0))


def _laplace_sf(z: Any) -> Any:
    return _laplace_cdf(-z)


def _laplace_log_sf(z: Any) -> Any:
    return _laplace_log_cdf(-z)


def _laplace_entropy() -> Any:
    return np.log(2.0) + 1.0


distribution(
    "laplace",
    Standard(
        {},
        _laplace_log_density,
        _laplace_cdf,
        _laplace_log_cdf,
        _laplace_sf,
        _laplace_log_sf,
        _laplace_entropy,
    ),
)


def _weibull_log_density(z: Any, c: Any) -> Any:
    return np.log(c) + special.xlogy(c - 1.0, z) - z**c


def _weibull_cdf(z: Any, c: Any) -> Any:
    return -np.expm1(-(z**c))


def _weibull_log_cdf(z: Any, c: Any) -> Any:
    return np.log(-np.expm1(-(z**c)))


def _weibull_sf(z: Any, c: Any) -> Any:
    return np.exp(-(z**c))


def _weibull_log_sf(z: Any, c: Any) -> Any:
    return -(z**c)


def _weibull_entropy(c: Any) -> Any:
    return _EULER - _EULER / c - np.log(c) + 1.0


distribution(
    "weibull_min",
    Standard(
        {"c": 1.7},
        _weibull_log_density,
        _weibull_cdf,
        _weibull_log_cdf,
        _weibull_sf,
        _weibull_log_sf,
        _weibull_entropy,
        support=_POSITIVE,
        ends_at_infinity=True,
    ),
)
