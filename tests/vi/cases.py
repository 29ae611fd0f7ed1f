"""One case for each distribution: parameters, what SciPy calls it, and points of its support to sum over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from scipy import special, stats

from srcdiff import vi

D = vi.dist

COVARIANCE = np.array([[1.3, 0.4], [0.4, 0.7]])
TRIL = np.linalg.cholesky(COVARIANCE)


@dataclass(frozen=True)
class Case:
    """`make(*parameters)` is the distribution; `scipy` what SciPy has for these, `points` a discrete support."""

    make: Callable[..., Any]
    parameters: tuple[Any, ...]
    scipy: Any = None
    points: Any = None  # of a discrete one: all that have mass
    shape: tuple[int, ...] = ()  # of one event
    kink: float = 0.0  # where the density is not smooth
    axes: tuple[tuple[float, float, int], ...] = ()  # the grid of unconstrained vectors
    heavy: bool = False  # tails like powers
    has_moments: bool = True
    fixed_support: bool = True
    cdf: Any = None

    def dist(self) -> Any:
        return self.make(*self.parameters)


def compositions(total: int, size: int) -> Any:
    return np.array([c for c in product(range(total + 1), repeat=size) if sum(c) == total])


_P = np.array([0.2, 0.5, 0.3])
_LOGITS = np.array([0.3, -1.0, 0.7])
_COUNTS = np.arange(400)
_WISHART = (-8.0, 2.4, 80), (-10.0, 10.0, 80), (-8.0, 2.4, 80)

CASES: dict[str, Case] = {
    "Normal": Case(D.Normal, (0.4, 1.7), stats.norm(0.4, 1.7)),
    "LogNormal": Case(D.LogNormal, (0.4, 0.6), stats.lognorm(0.6, scale=np.exp(0.4))),
    "HalfNormal": Case(D.HalfNormal, (1.7,), stats.halfnorm(scale=1.7)),
    "SkewNormal": Case(D.SkewNormal, (0.4, 1.7, 2.0), stats.skewnorm(2.0, 0.4, 1.7)),
    "TruncatedNormal": Case(
        lambda m, s: D.TruncatedNormal(m, s, low=-0.5, high=2.0), (0.4, 1.7),
        stats.truncnorm(-0.9 / 1.7, 1.6 / 1.7, 0.4, 1.7),
    ),
    "TruncatedNormal above": Case(
        lambda m, s, low: D.TruncatedNormal(m, s, low=low), (-2.0, 1.2, 3.0),
        stats.truncnorm(5.0 / 1.2, np.inf, -2.0, 1.2), fixed_support=False,
    ),
    "TruncatedNormal below": Case(
        lambda m, s, high: D.TruncatedNormal(m, s, high=high), (0.4, 1.7, 1.0),
        stats.truncnorm(-np.inf, 0.6 / 1.7, 0.4, 1.7), fixed_support=False,
    ),
    "TruncatedNormal far": Case(
        lambda m, s: D.TruncatedNormal(m, s, low=4.0, high=5.0), (-1.0, 0.8),
        stats.truncnorm(5.0 / 0.8, 6.0 / 0.8, -1.0, 0.8),
    ),
    "StudentT": Case(D.StudentT, (5.5, 0.4, 1.7), stats.t(5.5, 0.4, 1.7), heavy=True),
    "Cauchy": Case(D.Cauchy, (0.4, 1.7), stats.cauchy(0.4, 1.7), heavy=True, has_moments=False),
    "HalfCauchy": Case(D.HalfCauchy, (1.7,), stats.halfcauchy(scale=1.7), has_moments=False),
    "Laplace": Case(D.Laplace, (0.4, 1.7), stats.laplace(0.4, 1.7), kink=0.4),
    "AsymmetricLaplace": Case(
        D.AsymmetricLaplace, (0.4, 1.7, 1.3), stats.laplace_asymmetric(1.3, 0.4, 1.7), kink=0.4
    ),
    "Logistic": Case(D.Logistic, (0.4, 1.7), stats.logistic(0.4, 1.7)),
    "SoftLaplace": Case(D.SoftLaplace, (0.4, 1.7), stats.hypsecant(0.4, 1.7)),
    "Gumbel": Case(D.Gumbel, (0.4, 1.7), stats.gumbel_r(0.4, 1.7)),
    "Levy": Case(D.Levy, (0.4, 1.7), stats.levy(0.4, 1.7), has_moments=False),
    "Exponential": Case(D.Exponential, (1.7,), stats.expon(scale=1 / 1.7)),
    "Gamma": Case(D.Gamma, (2.3, 1.7), stats.gamma(2.3, scale=1 / 1.7)),
    "InverseGamma": Case(D.InverseGamma, (5.3, 1.7), stats.invgamma(5.3, scale=1.7)),
    "InverseGaussian": Case(D.InverseGaussian, (1.2, 1.7), stats.invgauss(1.2 / 1.7, scale=1.7)),
    "Chi2": Case(D.Chi2, (3.7,), stats.chi2(3.7)),
    "LogUniform": Case(D.LogUniform, (0.5, 2.5), stats.loguniform(0.5, 2.5), fixed_support=False),
    "Pareto": Case(D.Pareto, (1.2, 5.5), stats.pareto(5.5, scale=1.2), fixed_support=False),
    "Weibull": Case(D.Weibull, (1.7, 2.3), stats.weibull_min(2.3, scale=1.7)),
    "Uniform": Case(D.Uniform, (-0.5, 2.0), stats.uniform(-0.5, 2.5), fixed_support=False),
    "Beta": Case(D.Beta, (2.3, 1.4), stats.beta(2.3, 1.4)),
    "Kumaraswamy": Case(D.Kumaraswamy, (2.3, 1.7), cdf=lambda x: 1.0 - (1.0 - x**2.3) ** 1.7),
    "VonMises": Case(D.VonMises, (0.4, 1.7), stats.vonmises(1.7, 0.4), has_moments=False),
    "Bernoulli": Case(D.Bernoulli, (0.3,), stats.bernoulli(0.3), np.arange(2)),
    "Bernoulli logits": Case(
        lambda x: D.Bernoulli(logits=x), (0.7,), stats.bernoulli(special.expit(0.7)), np.arange(2)
    ),
    "Rademacher": Case(D.Rademacher, (0.3,), None, np.array([-1, 1])),
    "DiscreteUniform": Case(lambda: D.DiscreteUniform(2, 6), (), stats.randint(2, 7), np.arange(2, 7)),
    "Categorical": Case(D.Categorical, (_P,), None, np.arange(3)),
    "Categorical logits": Case(lambda x: D.Categorical(logits=x), (_LOGITS,), None, np.arange(3)),
    "OneHotCategorical": Case(
        D.OneHotCategorical, (_P,), stats.multinomial(1, _P), np.eye(3, dtype=int), (3,)
    ),
    "OneHotCategorical logits": Case(
        lambda x: D.OneHotCategorical(logits=x), (_LOGITS,), None, np.eye(3, dtype=int), (3,)
    ),
    "Multinomial": Case(
        lambda p: D.Multinomial(4, p), (_P,), stats.multinomial(4, _P), compositions(4, 3), (3,)
    ),
    "Multinomial logits": Case(
        lambda x: D.Multinomial(4, logits=x), (_LOGITS,),
        stats.multinomial(4, special.softmax(_LOGITS)), compositions(4, 3), (3,),
    ),
    "Poisson": Case(D.Poisson, (3.3,), stats.poisson(3.3), _COUNTS),
    "Binomial": Case(lambda p: D.Binomial(7, p), (0.3,), stats.binom(7, 0.3), np.arange(8)),
    "Binomial logits": Case(
        lambda x: D.Binomial(7, logits=x), (0.7,), stats.binom(7, special.expit(0.7)), np.arange(8)
    ),
    "Geometric": Case(D.Geometric, (0.3,), stats.geom(0.3, -1), _COUNTS),
    "Geometric logits": Case(
        lambda x: D.Geometric(logits=x), (0.7,), stats.geom(special.expit(0.7), -1), _COUNTS
    ),
    "NegativeBinomial": Case(D.NegativeBinomial, (2.5, 0.3), stats.nbinom(2.5, 0.7), _COUNTS),
    "NegativeBinomial logits": Case(
        lambda r, x: D.NegativeBinomial(r, logits=x), (2.5, -0.7),
        stats.nbinom(2.5, special.expit(0.7)), _COUNTS,
    ),
    "GammaPoisson": Case(D.GammaPoisson, (2.5, 1.3), stats.nbinom(2.5, 1.3 / 2.3), _COUNTS),
    "BetaBinomial": Case(
        lambda a, b: D.BetaBinomial(a, b, 7), (2.3, 1.7), stats.betabinom(7, 2.3, 1.7), np.arange(8)
    ),
    "DirichletMultinomial": Case(
        lambda a: D.DirichletMultinomial(a, 4), (np.array([1.2, 0.7, 2.0]),),
        stats.dirichlet_multinomial(np.array([1.2, 0.7, 2.0]), 4), compositions(4, 3), (3,),
    ),
    "ZeroInflatedPoisson": Case(D.ZeroInflatedPoisson, (0.2, 3.3), None, _COUNTS),
    "MultivariateNormal": Case(
        lambda m, L: D.MultivariateNormal(m, scale_tril=L), (np.array([0.3, -0.2]), TRIL),
        stats.multivariate_normal([0.3, -0.2], COVARIANCE), shape=(2,), axes=((-14.0, 14.0, 160),) * 2,
    ),
    "MultivariateNormal covariance": Case(
        D.MultivariateNormal, (np.array([0.3, -0.2]), COVARIANCE),
        stats.multivariate_normal([0.3, -0.2], COVARIANCE), shape=(2,), axes=((-14.0, 14.0, 160),) * 2,
    ),
    "MultivariateNormal precision": Case(
        lambda m, P: D.MultivariateNormal(m, precision_matrix=P),
        (np.array([0.3, -0.2]), np.linalg.inv(COVARIANCE)),
        stats.multivariate_normal([0.3, -0.2], COVARIANCE), shape=(2,), axes=((-14.0, 14.0, 160),) * 2,
    ),
    "LowRankMultivariateNormal": Case(
        D.LowRankMultivariateNormal,
        (np.array([0.3, -0.2]), np.array([[0.8], [0.4]]), np.array([0.5, 0.7])),
        stats.multivariate_normal([0.3, -0.2], [[1.14, 0.32], [0.32, 0.86]]),
        shape=(2,), axes=((-14.0, 14.0, 160),) * 2,
    ),
    "MultivariateStudentT": Case(
        D.MultivariateStudentT, (7.5, np.array([0.3, -0.2]), TRIL),
        stats.multivariate_t([0.3, -0.2], COVARIANCE, 7.5), shape=(2,), heavy=True, axes=((-3.4, 3.4, 240),) * 2,
    ),
    "Dirichlet": Case(
        D.Dirichlet, (np.array([1.2, 0.7, 2.0]),), stats.dirichlet([1.2, 0.7, 2.0]),
        shape=(3,), axes=((-50.0, 50.0, 300),) * 2,
    ),
    "LKJCholesky": Case(
        lambda c: D.LKJCholesky(2, c), (1.4,), None, shape=(2, 2), has_moments=False, axes=((-14.0, 14.0, 200),)
    ),
    "Wishart": Case(
        D.Wishart, (4.5, COVARIANCE), stats.wishart(4.5, COVARIANCE), shape=(2, 2), axes=_WISHART
    ),
    "MixtureSameFamily": Case(
        lambda x, m, s: D.MixtureSameFamily(D.Categorical(logits=x), D.Normal(m, s)),
        (_LOGITS, np.array([-1.0, 0.5, 2.0]), np.array([0.5, 1.0, 0.7])),
    ),
    "Mixture": Case(
        lambda p, m, s: D.Mixture(D.Categorical(p), [D.Normal(m, s), D.Logistic(m, 2.0)]),
        (np.array([0.3, 0.7]), 0.4, 1.7),
    ),
    "Independent": Case(
        lambda m, s: D.Normal(m, s).to_event(1), (np.array([0.3, -0.2]), np.array([1.0, 0.6])),
        stats.multivariate_normal([0.3, -0.2], np.diag([1.0, 0.36])), shape=(2,), axes=((-14.0, 14.0, 160),) * 2,
    ),
}  # fmt: skip


def grid(case: Case) -> tuple[Any, Any]:
    """Values and weights: sums over them are integrals over the support, or sums over all of it."""
    if case.points is not None:
        return case.points, np.ones(len(case.points))
    support = case.dist().support
    if case.shape:
        lines = [_even(*axis, case.heavy) for axis in case.axes]
        u = np.stack([a.ravel() for a in np.meshgrid(*(u for u, _ in lines))], axis=-1)
        w = np.prod([a.ravel() for a in np.meshgrid(*(w for _, w in lines))], axis=0)
    else:
        u, w = _panels(case)
    return support.constrain(u), w * np.exp(support.log_abs_det_jacobian(u))


def _even(low: float, high: float, count: int, heavy: bool) -> tuple[Any, Any]:
    """The trapezoidal rule, of numbers or (of heavy tails) their sinh(sinh t)."""
    t = np.linspace(low, high, count)
    step = np.full(count, t[1] - t[0])
    return (np.sinh(np.sinh(t)), np.cosh(np.sinh(t)) * np.cosh(t) * step) if heavy else (t, step)


def _panels(case: Case) -> tuple[Any, Any]:
    """Panels of Gauss and Legendre's rule in t, where u = sinh(sinh t) from the kink or the middle."""
    x, w = np.polynomial.legendre.leggauss(10)
    edges = np.linspace(-1.0, 1.0, 601) * (4.1 if case.heavy else 2.5)
    half = 0.5 * np.diff(edges)[:, None]
    t = (0.5 * (edges[1:] + edges[:-1])[:, None] + half * x).ravel()
    u = case.kink + np.sinh(np.sinh(t))
    return u, (half * w).ravel() * np.cosh(np.sinh(t)) * np.cosh(t)
