"""Standard forms of the continuous distributions of `scipy.stats`."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.ops.core.lazy_module import LazyModule
from srcdiff.ops.library.stats.loc_scale import Standard, distribution

special = LazyModule("scipy.special")

LOG_SQRT_2_PI = 0.9189385332046727
_LOG_PI = 1.1447298858494002


def _zero(z):
    return np.floor(0.5 * z)  # NaN for NaN


# ---- normal ----------------------------------------------------------------------------------


def _norm_log_density(z):
    return -0.5 * z**2 - LOG_SQRT_2_PI


def _norm_cdf(z):
    return special.ndtr(z)


def _norm_log_cdf(z):
    return special.log_ndtr(z)


def _norm_sf(z):
    return special.ndtr(-z)


def _norm_log_sf(z):
    return special.log_ndtr(-z)


def _norm_entropy() -> Any:
    return 0.5 + LOG_SQRT_2_PI


distribution(
    "norm",
    Standard(
        {}, _norm_log_density, _norm_cdf, _norm_log_cdf, _norm_sf, _norm_log_sf, _norm_entropy
    ),
)


# ---- Student's t and Cauchy ------------------------------------------------------------------


def _t_log_density(z, df):
    half = 0.5 * (df + 1.0)
    return -special.betaln(0.5 * df, 0.5) - 0.5 * np.log(df) - half * np.log1p(z**2 / df)


def _t_cdf(z, df):
    return special.stdtr(df, z)


def _t_log_cdf(z, df):
    return np.log(special.stdtr(df, z))


def _t_sf(z, df):
    return special.stdtr(df, -z)


def _t_log_sf(z, df):
    return np.log(special.stdtr(df, -z))


def _t_entropy(df):
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


def _cauchy_log_density(z):
    return -_LOG_PI - np.log1p(z**2)


def _cauchy_cdf(z):
    return np.arctan2(1.0, -z) / np.pi


def _cauchy_log_cdf(z):
    return np.log(np.arctan2(1.0, -z) / np.pi)


def _cauchy_sf(z):
    return np.arctan2(1.0, z) / np.pi


def _cauchy_log_sf(z):
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


# ---- beta and uniform ------------------------------------------------------------------------


def _beta_log_density(z, a, b):
    return special.xlog1py(b - 1.0, -z) + special.xlogy(a - 1.0, z) - special.betaln(a, b)


def _beta_cdf(z, a, b):
    return special.betainc(a, b, z)


def _beta_log_cdf(z, a, b):
    return np.log(special.betainc(a, b, z))


def _beta_sf(z, a, b):
    return special.betainc(b, a, 1.0 - z)


def _beta_log_sf(z, a, b):
    return np.log(special.betainc(b, a, 1.0 - z))


def _beta_entropy(a, b):
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


def _uniform_cdf(z):
    return z


def _uniform_sf(z):
    return 1.0 - z


def _uniform_log_cdf(z):
    return np.log(z)


def _uniform_log_sf(z):
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


def _laplace_log_density(z):
    return -np.abs(z) - np.log(2.0)


def _size(z):
    """The absolute value with the slope from the left at 0, for functions of it that have no kink there."""
    return np.where(z > 0.0, z, -z)


def _laplace_cdf(z):
    half = 0.5 * np.exp(-_size(z))
    return np.where(z > 0.0, 1.0 - half, half)


def _laplace_log_cdf(z):
    size = _size(z)
    return np.where(z > 0.0, np.log1p(-0.5 * np.exp(-size)), -size - np.log(2.0))


def _laplace_sf(z):
    return _laplace_cdf(-z)


def _laplace_log_sf(z):
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
