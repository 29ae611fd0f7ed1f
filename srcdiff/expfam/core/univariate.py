"""Univariate exponential families. Parameters may be arrays, for independent variables, and `log_Z` adds these up.

All derived members follow from `log_Z`. This module adds the statistics, the usual parameters, NumPy's samplers, and
the first iterates of fits.
"""

from typing import Any

import numpy as np
from numpy.random import Generator
from scipy.special import gammaln, logsumexp

from srcdiff.expfam.core.chain_checks import check_symbols
from srcdiff.expfam.core.family import family
from srcdiff.expfam.core.parameter_checks import inside, usual_inside
from srcdiff.expfam.core.pytree import Pytree, map_leaves


def _zeros(stats: Pytree) -> Pytree:
    return map_leaves(np.zeros_like, stats)


def _shape(n: int, parameter: Any) -> tuple[int, ...]:
    return (n, *np.shape(parameter))


# ---- Bernoulli: t(x) = x, eta = log(p / (1 - p)) ------------------------------------------------------


def bernoulli_log_Z(eta):
    """The log-partition function of `eta = log(p / (1 - p))`, of any shape."""
    return np.sum(np.logaddexp(0.0, eta))


bernoulli = family(
    bernoulli_log_Z,
    name="bernoulli",
    statistics=lambda eta, x: np.asarray(x, float),
    natural=usual_inside(
        "bernoulli", lambda p: np.log(p) - np.log1p(-np.asarray(p)), p="between 0 and 1"
    ),
    usual=lambda eta: {"p": 1.0 / (1.0 + np.exp(-np.asarray(eta)))},
    draw=lambda eta, rng, n: (rng.random(_shape(n, eta)) < 1.0 / (1.0 + np.exp(-eta))).astype(int),
    mode=lambda eta: (np.asarray(eta) > 0.0).astype(int),
    start=_zeros,
    possible=lambda eta, x: (x == 0.0) | (x == 1.0),
)

# ---- categorical: t(x) is 1 in the place of x, eta = log p up to a constant ---------------------------


def categorical_log_Z(eta):
    """The log-partition function of `eta (K)`, log-probabilities up to a constant."""
    return logsumexp(eta)


def _one_hot(eta: Pytree, x: np.ndarray) -> Any:
    x = np.asarray(x)
    check_symbols("x", np.ravel(x), len(eta), f"categorical: eta has {len(eta)} symbols")
    return np.eye(len(eta))[x]


def _normalised(eta: Pytree) -> Any:
    p = np.exp(eta - np.max(eta))
    return p / p.sum()


categorical = family(
    categorical_log_Z,
    name="categorical",
    statistics=_one_hot,
    natural=usual_inside("categorical", lambda p: np.log(p), p="between 0 and 1"),
    usual=lambda eta: {"p": _normalised(eta)},
    draw=lambda eta, rng, n: rng.choice(len(eta), size=n, p=_normalised(eta)),
    mode=lambda eta: int(np.argmax(eta)),
    start=_zeros,
)

# ---- Gaussian: t(x) = (x, x**2), eta = (mean / variance, -1 / (2 variance)) ---------------------------


def gaussian_log_Z(eta):
    """The log-partition function of `eta = (mean / variance, -1 / (2 variance))`, of any equal shapes."""
    eta1, eta2 = eta
    return np.sum(-(eta1**2) / (4.0 * eta2) + 0.5 * np.log(-np.pi / eta2))


def _gaussian_usual(eta: Pytree) -> dict[str, Any]:
    eta1, eta2 = eta
    return {"mean": -0.5 * eta1 / eta2, "variance": -0.5 / eta2}


def _draw_gaussian(eta: Pytree, rng: Generator, n: int) -> np.ndarray:
    usual = _gaussian_usual(eta)
    return rng.normal(usual["mean"], np.sqrt(usual["variance"]), _shape(n, eta[0]))


gaussian = family(
    gaussian_log_Z,
    name="gaussian",
    statistics=lambda eta, x: (np.asarray(x, float), np.square(x, dtype=float)),
    natural=usual_inside(
        "gaussian", lambda mean, variance: (np.divide(mean, variance), np.divide(-0.5, variance)),
        mean="a number", variance="positive",
    ),
    usual=_gaussian_usual,
    draw=_draw_gaussian,
    mode=lambda eta: _gaussian_usual(eta)["mean"],
    domain=lambda eta: np.all(np.asarray(eta[1]) < 0.0),
    check=inside("gaussian", "mean / variance, -1 / (2 variance)", {
        "a negative second part": lambda eta1, eta2: eta2 < 0.0, "numbers": lambda eta1, eta2: np.isfinite(eta1),
    }),
    start=lambda stats: (0.0 * stats[0], -0.5 / stats[1]),
)  # fmt: skip

# ---- gamma: t(x) = (log x, x), eta = (shape - 1, -rate) -----------------------------------------------


def gamma_log_Z(eta):
    """The log-partition function of `eta = (shape - 1, -rate)`, of any equal shapes."""
    eta1, eta2 = eta
    return np.sum(gammaln(eta1 + 1.0) - (eta1 + 1.0) * np.log(-eta2))


def _gamma_start(stats: Pytree) -> Pytree:
    mean_log, mean = stats
    shape = 0.5 / np.maximum(np.log(mean) - mean_log, 1e-12)
    return shape - 1.0, -shape / mean


gamma = family(
    gamma_log_Z,
    name="gamma",
    statistics=lambda eta, x: (np.log(x), np.asarray(x, float)),
    natural=usual_inside(
        "gamma", lambda shape, rate: (np.subtract(shape, 1.0), -np.asarray(rate, float)),
        shape="positive", rate="positive",
    ),
    usual=lambda eta: {"shape": eta[0] + 1.0, "rate": -eta[1]},
    draw=lambda eta, rng, n: rng.gamma(eta[0] + 1.0, -1.0 / eta[1], _shape(n, eta[0])),
    mode=lambda eta: np.maximum(eta[0], 0.0) / -eta[1],
    domain=lambda eta: np.all(np.asarray(eta[0]) > -1.0) and np.all(np.asarray(eta[1]) < 0.0),
    check=inside("gamma", "shape - 1, -rate", {
        "a first part above -1": lambda eta1, eta2: eta1 > -1.0,
        "a negative second part": lambda eta1, eta2: eta2 < 0.0,
    }),
    start=_gamma_start,
    possible=lambda eta, x: x > 0.0,
)  # fmt: skip

# ---- beta: t(x) = (log x, log(1 - x)), eta = (a - 1, b - 1) -------------------------------------------


def beta_log_Z(eta):
    """The log-partition function of `eta = (a - 1, b - 1)`, of any equal shapes."""
    eta1, eta2 = eta
    return np.sum(gammaln(eta1 + 1.0) + gammaln(eta2 + 1.0) - gammaln(eta1 + eta2 + 2.0))


beta = family(
    beta_log_Z,
    name="beta",
    statistics=lambda eta, x: (np.log(x), np.log1p(-np.asarray(x, float))),
    natural=usual_inside(
        "beta", lambda a, b: (np.subtract(a, 1.0), np.subtract(b, 1.0)), a="positive", b="positive"
    ),
    usual=lambda eta: {"a": eta[0] + 1.0, "b": eta[1] + 1.0},
    draw=lambda eta, rng, n: rng.beta(eta[0] + 1.0, eta[1] + 1.0, _shape(n, eta[0])),
    domain=lambda eta: np.all(np.asarray(eta[0]) > -1.0) and np.all(np.asarray(eta[1]) > -1.0),
    check=inside("beta", "a - 1, b - 1", {
        "parts above -1": lambda eta1, eta2: np.minimum(eta1, eta2) > -1.0,
    }),
    start=_zeros,
    possible=lambda eta, x: (x > 0.0) & (x < 1.0),
)  # fmt: skip

# ---- Dirichlet: t(x) = log x, eta = concentration - 1 -------------------------------------------------


def dirichlet_log_Z(eta):
    """The log-partition function of `eta = concentration - 1`, of shape (K)."""
    return np.sum(gammaln(eta + 1.0)) - gammaln(np.sum(eta + 1.0))


dirichlet = family(
    dirichlet_log_Z,
    name="dirichlet",
    statistics=lambda eta, x: np.log(x),
    natural=usual_inside(
        "dirichlet", lambda concentration: np.subtract(concentration, 1.0), concentration="positive"
    ),
    usual=lambda eta: {"concentration": eta + 1.0},
    draw=lambda eta, rng, n: rng.dirichlet(eta + 1.0, n),
    domain=lambda eta: np.all(eta > -1.0),
    check=inside("dirichlet", "concentration - 1", {"numbers above -1": lambda eta: eta > -1.0}),
    start=_zeros,
    possible=lambda eta, x: np.all(x > 0.0, axis=-1) & (np.abs(np.sum(x, axis=-1) - 1.0) < 1e-6),
)

# ---- Poisson: t(x) = x, eta = log(rate), h(x) = 1 / x! ------------------------------------------------


def poisson_log_Z(eta):
    """The log-partition function of `eta = log(rate)`, of any shape."""
    return np.sum(np.exp(eta))


def _log_factorial(x: np.ndarray) -> Any:
    return gammaln(np.asarray(x, float) + 1.0)


_MANY = 1e3  # the series is right to 1e-12 from here


def _mean_log_base(eta: Pytree) -> float:
    """The mean of -log x!, summed over all counts with probability mass; for large rates by the series
    of the entropy.
    """
    total = 0.0
    for log_rate in np.ravel(eta):
        rate = np.exp(log_rate)
        if rate > _MANY:
            corrections = 1.0 / (12.0 * rate) + 1.0 / (24.0 * rate**2) + 19.0 / (360.0 * rate**3)
            entropy = 0.5 * (np.log(2.0 * np.pi) + 1.0 + log_rate) - corrections
            total -= entropy + rate * (log_rate - 1.0)
            continue
        reach = 40.0 * np.sqrt(rate) + 40.0
        x = np.arange(np.floor(max(rate - reach, 0.0)), np.ceil(rate + reach))
        total -= float(np.exp(x * log_rate - rate - _log_factorial(x)) @ _log_factorial(x))
    return total


poisson = family(
    poisson_log_Z,
    name="poisson",
    statistics=lambda eta, x: np.asarray(x, float),
    log_base=lambda eta, x: (
        -np.sum(_log_factorial(x), axis=tuple(range(np.ndim(x) - np.ndim(eta), np.ndim(x))))
    ),
    mean_log_base=_mean_log_base,
    natural=usual_inside("poisson", lambda rate: np.log(rate), rate="positive"),
    usual=lambda eta: {"rate": np.exp(eta)},
    draw=lambda eta, rng, n: rng.poisson(np.exp(eta), _shape(n, eta)),
    mode=lambda eta: np.floor(np.exp(eta)).astype(int),
    start=lambda stats: np.log1p(stats),
    possible=lambda eta, x: (x >= 0.0) & (x == np.floor(x)),
)
