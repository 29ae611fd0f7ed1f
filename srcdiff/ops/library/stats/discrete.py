"""Discrete and multivariate distributions of `scipy.stats`.

Cumulative probabilities have derivatives with respect to the rates; counts have no derivatives. Of the discrete
distributions, only `bernoulli` has `entropy`: for the others it is an infinite sum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from srcdiff.ops.core.lazy_module import LazyModule
from srcdiff.ops.core.registry import composite, refuse
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.compile_time import array
from srcdiff.ops.library.stats.loc_scale import arranged, wide

linalg = LazyModule("scipy.linalg")
special = LazyModule("scipy.special")

_LOG_2_PI = 1.8378770664093453

Form = Callable[..., Any]


def _shifted(k, loc):
    if loc is None:
        return wide(k)
    return wide(k) - wide(loc)


def _is_no_count(k):
    """Whether a number is not a count; False for NaN."""
    if np.ndim(k) > 0 and k.dtype in (np.int64, np.int32):
        return k < 0
    return (k < 0) | (k > np.floor(k))


def _log_of(chance, is_none):
    """The logarithm of a probability; -inf for impossible counts, whatever the parameters are."""
    return np.where(is_none, -np.inf, np.log(np.where(is_none, 1.0, chance)))


def _counts(
    name: str,
    parameters: Mapping[str, float],
    log_mass: Form,
    below: Form,
    above: Form,
    last: float | str | None = None,
) -> None:
    """Declare the methods of a distribution of counts; the forms take a count; `last` is the largest possible count."""
    count = len(parameters)
    names = dict(zip(parameters, ("first", "second"), strict=False))

    def logpmf(k, *args, first=None, second=None, loc=None):
        shapes, loc, _ = arranged(count, args, first, second, loc)
        return log_mass(_shifted(k, loc), *shapes)

    def pmf(k, *args, first=None, second=None, loc=None):
        shapes, loc, _ = arranged(count, args, first, second, loc)
        return np.exp(log_mass(_shifted(k, loc), *shapes))

    def cdf(k, *args, first=None, second=None, loc=None):
        shapes, loc, _ = arranged(count, args, first, second, loc)
        return below(np.floor(_shifted(k, loc)), *shapes)

    def logcdf(k, *args, first=None, second=None, loc=None):
        shapes, loc, _ = arranged(count, args, first, second, loc)
        places = np.floor(_shifted(k, loc))
        return _log_of(below(places, *shapes), places < 0.0)

    def sf(k, *args, first=None, second=None, loc=None):
        shapes, loc, _ = arranged(count, args, first, second, loc)
        return above(np.floor(_shifted(k, loc)), *shapes)

    def logsf(k, *args, first=None, second=None, loc=None):
        shapes, loc, _ = arranged(count, args, first, second, loc)
        places = np.floor(_shifted(k, loc))
        if last is None:
            return np.log(above(places, *shapes))
        largest = shapes[0] if isinstance(last, str) else last
        return _log_of(above(places, *shapes), places >= largest)

    methods = {"logpmf": logpmf, "pmf": pmf, "cdf": cdf, "logcdf": logcdf, "sf": sf, "logsf": logsf}
    values = list(parameters.values())
    small = [0] if name == "bernoulli" else [0, 1]
    for method, function in methods.items():
        function.__name__ = f"{name}_{method}"
        called = f"scipy.stats.{name}.{method}"
        by_name = ", ".join(f"{p}={letter}" for p, letter in zip(parameters, "yz", strict=False))
        by_place = ", ".join(["x", *"yz"[:count], "1"])
        composite(
            called,
            names=names,
            samples=(
                call(f"{called}(x, {by_name})", small, *values, wrt=(count,)),
                call(f"{called}({by_place})", [-1.0, 0.5, 1.0, 2.0, 9.0], *values, wrt=()),
            ),
        )(function)


# ---- Poisson ---------------------------------------------------------------------------------


def _poisson_log_mass(k, mu):
    value = special.xlogy(k, mu) - special.gammaln(k + 1.0) - mu
    return np.where(_is_no_count(k), -np.inf, value)


def _poisson_below(k, mu):
    return np.where(k < 0.0, 0.0, special.gammaincc(np.clip(k, 0.0, 1e300) + 1.0, mu))


def _poisson_above(k, mu):
    return np.where(k < 0.0, 1.0, special.gammainc(np.clip(k, 0.0, 1e300) + 1.0, mu))


_counts("poisson", {"mu": 2.5}, _poisson_log_mass, _poisson_below, _poisson_above)


# ---- Bernoulli and binomial ------------------------------------------------------------------


def _bernoulli_log_mass(k, p):
    value = special.xlogy(k, p) + special.xlog1py(1.0 - k, -p)
    return np.where(_is_no_count(k) | (k > 1), -np.inf, value)


def _bernoulli_below(k, p):
    return np.where(k < 0.0, 0.0, np.where(k < 1.0, 1.0 - p, np.minimum(k, 1.0)))


def _bernoulli_above(k, p):
    return np.where(k < 0.0, 1.0, np.where(k < 1.0, p, np.maximum(1.0 - k, 0.0)))


_counts("bernoulli", {"p": 0.3}, _bernoulli_log_mass, _bernoulli_below, _bernoulli_above, 1.0)


@composite(
    "scipy.stats.bernoulli.entropy",
    samples=(call("scipy.stats.bernoulli.entropy(x)", 0.3),),
    ignores=("loc",),
)
def bernoulli_entropy(p, loc=None):
    return special.entr(p) + special.entr(1.0 - p)


def _binom_log_mass(k, n, p):
    ways = special.gammaln(n + 1.0) - special.gammaln(k + 1.0) - special.gammaln(n - k + 1.0)
    value = ways + special.xlogy(k, p) + special.xlog1py(n - k, -p)
    return np.where(_is_no_count(k) | (k > n), -np.inf, value)


def _binom_below(k, n, p):
    inner = np.clip(k, 0.0, n - 1.0)
    inside = special.betainc(n - inner, inner + 1.0, 1.0 - p)
    return np.where(k < 0.0, 0.0, np.where(k >= n, 1.0, inside))


def _binom_above(k, n, p):
    inner = np.clip(k, 0.0, n - 1.0)
    inside = special.betainc(inner + 1.0, n - inner, p)
    return np.where(k < 0.0, 1.0, np.where(k >= n, 0.0, inside))


_counts("binom", {"n": 5, "p": 0.3}, _binom_log_mass, _binom_below, _binom_above, "n")


# ---- vectors ---------------------------------------------------------------------------------


def _covariance(cov, dimension):
    if np.ndim(cov) == 2:
        return cov
    return cov * np.eye(dimension)


def _log_normal_density(x, mean, cov, allow_singular):
    if np.ndim(x) == 0 or np.ndim(x) > 2:
        refuse("multivariate_normal takes a vector, or rows that are vectors", "Reshape it.")
    if mean is None and np.ndim(cov) == 0:
        refuse("multivariate_normal takes a mean, or a matrix", "Use scipy.stats.norm for numbers.")
    difference = wide(x)
    if mean is not None:
        difference = difference - wide(mean)
    dimension = difference.shape[-1]
    cov = wide(_covariance(cov, dimension))
    if allow_singular:
        return _log_singular_density(difference, cov)
    root = np.linalg.cholesky(cov)
    scaled = linalg.solve_triangular(root, difference.T, lower=True)
    log_root_det = np.sum(np.log(np.diag(root)))
    return -0.5 * np.sum(scaled**2, axis=0) - log_root_det - 0.5 * dimension * _LOG_2_PI


def _log_singular_density(difference, cov):
    """On the range of the covariance matrix: with its pseudo-inverse and the product of its eigenvalues but zeros."""
    values = np.linalg.eigvalsh(cov)
    least = _SINGULAR * np.max(np.abs(values))
    is_kept = values > least
    solved = difference @ np.linalg.pinv(cov, rcond=_SINGULAR)
    log_det = np.sum(np.log(np.where(is_kept, values, 1.0)))
    rank = np.sum(is_kept)
    density = -0.5 * (np.sum(solved * difference, axis=-1) + log_det + rank * _LOG_2_PI)
    outside = np.sqrt(np.sum((difference - solved @ cov) ** 2, axis=-1))
    return np.where(outside < 1e3 * least, density, -np.inf)


_SINGULAR = 1e6 * float(np.finfo(float).eps)  # SciPy's bound, relative to the largest eigenvalue
_cov = "z @ z.T + np.eye(3)"
_plane = "np.outer(z, z) + np.outer(y, y)"  # of rank 2


@composite(
    "scipy.stats.multivariate_normal.logpdf",
    samples=(
        call(f"scipy.stats.multivariate_normal.logpdf(x, y, {_cov})", (3,), (3,), (3, 3)),
        call(
            f"scipy.stats.multivariate_normal.logpdf(x, mean=y, cov={_cov})", (2, 3), (3,), (3, 3)
        ),
        call("scipy.stats.multivariate_normal.logpdf(x, y, np.exp(z))", (2, 3), (3,), (3,)),
        call("scipy.stats.multivariate_normal.logpdf(x, np.zeros(3))", (3,)),
        call(
            f"scipy.stats.multivariate_normal.logpdf(x * y + z, y, {_plane}, True)", (), (3,), (3,)
        ),
        call(f"scipy.stats.multivariate_normal.logpdf(x, y, {_cov}, True)", (2, 3), (3,), (3, 3)),
    ),
)
def multivariate_normal_logpdf(x, mean=None, cov=1.0, allow_singular=False):
    return _log_normal_density(x, mean, cov, allow_singular)


@composite(
    "scipy.stats.multivariate_normal.pdf",
    samples=(call(f"scipy.stats.multivariate_normal.pdf(x, y, {_cov})", (3,), (3,), (3, 3)),),
)
def multivariate_normal_pdf(x, mean=None, cov=1.0, allow_singular=False):
    return np.exp(_log_normal_density(x, mean, cov, allow_singular))


@composite(
    "scipy.stats.multivariate_normal.entropy",
    samples=(
        call("scipy.stats.multivariate_normal.entropy(x, y @ y.T + np.eye(3))", (3,), (3, 3)),
    ),
    ignores=("mean",),
)
def multivariate_normal_entropy(mean=None, cov=1.0):
    if np.ndim(cov) != 2:
        refuse("multivariate_normal.entropy takes a matrix", "Use cov=np.diag(variances).")
    root = np.linalg.cholesky(wide(cov))
    return np.sum(np.log(np.diag(root))) + 0.5 * len(root) * (_LOG_2_PI + 1.0)


def _log_dirichlet_density(x, alpha):
    x, alpha = array(x), array(alpha)
    power = alpha
    if np.ndim(x) == 2:
        power = np.expand_dims(power, -1)
    norm = np.sum(special.gammaln(alpha)) - special.gammaln(np.sum(alpha))
    return np.sum(special.xlogy(power - 1.0, x), axis=0) - norm


_share = "x / np.sum(x, axis=0)"


@composite(
    "scipy.stats.dirichlet.logpdf",
    samples=(
        call(f"scipy.stats.dirichlet.logpdf({_share}, y)", (3,), (3,), low=0.5, high=2.0),
        call(f"scipy.stats.dirichlet.logpdf({_share}, alpha=y)", (3, 2), (3,), low=0.5, high=2.0),
    ),
)
def dirichlet_logpdf(x, alpha):
    return _log_dirichlet_density(x, alpha)


@composite(
    "scipy.stats.dirichlet.pdf",
    samples=(call(f"scipy.stats.dirichlet.pdf({_share}, y)", (3,), (3,), low=0.5, high=2.0),),
)
def dirichlet_pdf(x, alpha):
    return np.exp(_log_dirichlet_density(x, alpha))


@composite(
    "scipy.stats.dirichlet.entropy",
    samples=(call("scipy.stats.dirichlet.entropy(x)", (3,), low=0.5, high=2.0),),
)
def dirichlet_entropy(alpha):
    alpha = array(alpha)
    total = np.sum(alpha)
    log_norm = np.sum(special.gammaln(alpha)) - special.gammaln(total)
    parts = np.sum((alpha - 1.0) * special.digamma(alpha))
    return log_norm + (total - len(alpha)) * special.digamma(total) - parts
