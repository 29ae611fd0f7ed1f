"""Standard forms of the distributions of `scipy.stats` for positive numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from srcdiff.ops.core.lazy_module import LazyModule
from srcdiff.ops.library.stats.continuous import LOG_SQRT_2_PI
from srcdiff.ops.library.stats.loc_scale import Standard, distribution

special = LazyModule("scipy.special")

_POSITIVE = (0.0, math.inf)
_EULER = 0.5772156649015329


def _lognorm_log_density(z, s):
    log_z = np.log(z)
    return -0.5 * (log_z / s) ** 2 - np.log(s) - log_z - LOG_SQRT_2_PI


def _lognorm_cdf(z, s):
    return special.ndtr(np.log(z) / s)


def _lognorm_log_cdf(z, s):
    return special.log_ndtr(np.log(z) / s)


def _lognorm_sf(z, s):
    return special.ndtr(-np.log(z) / s)


def _lognorm_log_sf(z, s):
    return special.log_ndtr(-np.log(z) / s)


def _lognorm_entropy(s):
    return 0.5 + LOG_SQRT_2_PI + np.log(s)


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


def _gamma_log_density(z, a):
    return special.xlogy(a - 1.0, z) - z - special.gammaln(a)


def _gamma_cdf(z, a):
    return special.gammainc(a, z)


def _gamma_log_cdf(z, a):
    return np.log(special.gammainc(a, z))


def _gamma_sf(z, a):
    return special.gammaincc(a, z)


def _gamma_log_sf(z, a):
    return np.log(special.gammaincc(a, z))


def _gamma_entropy(a):
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


def _chi2_log_density(z, df):
    return _gamma_log_density(0.5 * z, 0.5 * df) - np.log(2.0)


def _chi2_cdf(z, df):
    return special.gammainc(0.5 * df, 0.5 * z)


def _chi2_log_cdf(z, df):
    return np.log(special.gammainc(0.5 * df, 0.5 * z))


def _chi2_sf(z, df):
    return special.gammaincc(0.5 * df, 0.5 * z)


def _chi2_log_sf(z, df):
    return np.log(special.gammaincc(0.5 * df, 0.5 * z))


def _chi2_entropy(df):
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


def _invgamma_log_density(z, a):
    return -(a + 1.0) * np.log(z) - special.gammaln(a) - 1.0 / z


def _invgamma_cdf(z, a):
    return special.gammaincc(a, 1.0 / z)


def _invgamma_log_cdf(z, a):
    return np.log(special.gammaincc(a, 1.0 / z))


def _invgamma_sf(z, a):
    return special.gammainc(a, 1.0 / z)


def _invgamma_log_sf(z, a):
    return np.log(special.gammainc(a, 1.0 / z))


def _invgamma_entropy(a):
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


def _minus(z):
    return -z


def _expon_cdf(z):
    return -np.expm1(-z)


def _expon_log_cdf(z):
    return np.log(-np.expm1(-z))


def _expon_sf(z):
    return np.exp(-z)


def _expon_entropy() -> Any:
    return 1.0


distribution(
    "expon",
    Standard(
        {}, _minus, _expon_cdf, _expon_log_cdf, _expon_sf, _minus, _expon_entropy, support=_POSITIVE
    ),
)


def _weibull_log_density(z, c):
    return np.log(c) + special.xlogy(c - 1.0, z) - z**c


def _weibull_cdf(z, c):
    return -np.expm1(-(z**c))


def _weibull_log_cdf(z, c):
    return np.log(-np.expm1(-(z**c)))


def _weibull_sf(z, c):
    return np.exp(-(z**c))


def _weibull_log_sf(z, c):
    return -(z**c)


def _weibull_entropy(c):
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
