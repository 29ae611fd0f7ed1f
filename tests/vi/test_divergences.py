"""Divergences in closed form against quadrature or summation, and exponential families against densities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from vi.cases import CASES, D, grid

import srcdiff

_P = np.array([0.5, 0.25, 0.25])
_MATRIX = np.array([[0.9, 0.3], [0.3, 1.2]])
_LOC = np.array([0.1, 0.15])

OTHERS: list[tuple[str, Any]] = [
    *((name, CASES[name].make(*q)) for name, q in {
        "Normal": (1.0, 0.8), "LogNormal": (0.1, 0.9), "HalfNormal": (0.9,), "Laplace": (0.4, 1.1),
        "Cauchy": (1.0, 0.8), "Gumbel": (1.0, 0.8), "Exponential": (0.8,), "Gamma": (1.1, 0.9),
        "InverseGamma": (3.3, 0.9), "Chi2": (2.2,), "Weibull": (1.1, 1.4), "Pareto": (1.0, 3.3),
        "Uniform": (-1.0, 2.5), "Beta": (1.3, 2.2), "VonMises": (1.0, 0.8), "Bernoulli": (0.6,),
        "Bernoulli logits": (-0.2,), "Rademacher": (0.7,), "Binomial": (0.6,), "Geometric": (0.5,),
        "Poisson": (2.2,), "Categorical": (_P,), "Categorical logits": (_P,), "OneHotCategorical": (_P,),
        "Multinomial": (_P,), "Dirichlet": (np.array([0.9, 1.4, 1.1]),),
        "MultivariateNormal": (_LOC, np.array([[0.9, 0.0], [0.3, 1.2]])),
        "MultivariateNormal covariance": (_LOC, _MATRIX), "MultivariateNormal precision": (_LOC, _MATRIX),
        "Independent": (_LOC, np.array([0.7, 1.4])),
    }.items()),
    ("Bernoulli", D.Bernoulli(logits=0.4)),
    ("Categorical", D.Categorical(logits=_P)),
    ("Laplace", D.Normal(0.2, 1.2)),
    ("Exponential", D.Gamma(1.4, 0.7)),
    ("Gamma", D.Exponential(0.7)),
    ("LogNormal", D.Gamma(1.4, 0.7)),
    ("MultivariateNormal precision", D.MultivariateNormal(_LOC, _MATRIX)),
    ("MultivariateNormal", D.MultivariateNormal(_LOC, precision_matrix=_MATRIX)),
    ("MultivariateNormal", D.Normal(_LOC, 1.3).to_event(1)),
    ("LowRankMultivariateNormal", D.Normal(_LOC, np.array([1.3, 0.8])).to_event(1)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "q"), OTHERS, ids=lambda v: v if isinstance(v, str) else type(v).__name__
)
def test_kl(name: str, q: Any) -> None:
    case = CASES[name]
    p = case.dist()
    x, w = grid(case)
    with np.errstate(all="ignore"):
        log_p = p.log_density(x)
        mass = np.where(w > 0.0, w * np.exp(log_p), 0.0)
        expected = np.sum(np.where(mass > 1e-300, mass * (log_p - q.log_prob(x)), 0.0))
    assert D.has_kl(p, q)
    np.testing.assert_allclose(D.kl(p, q), expected, rtol=1e-9, atol=1e-9)
    if type(p) is type(q):
        np.testing.assert_allclose(D.kl(p, p), 0.0, atol=1e-12)
    make = case.make

    def divergence(theta):
        return D.kl(make(*theta), q)

    if name not in ("Uniform", "Pareto"):  # whose supports hold or do not
        gradient = srcdiff.grad(divergence, jit=False)(case.parameters)
        for k, a in enumerate(case.parameters):
            v = np.random.default_rng(k).normal(size=np.shape(a)) if np.ndim(a) else 1.0
            v = v + v.T if np.ndim(a) == 2 and name != "LowRankMultivariateNormal" else v
            v = np.tril(v) if name == "MultivariateNormal" and np.ndim(a) == 2 else v
            ends = [
                (*case.parameters[:k], a + s * v, *case.parameters[k + 1 :]) for s in (1e-6, -1e-6)
            ]
            difference = (divergence(ends[0]) - divergence(ends[1])) / 2e-6
            np.testing.assert_allclose(np.sum(gradient[k] * v), difference, rtol=1e-5, atol=1e-7)


def test_laplace_elsewhere() -> None:
    p, q = D.Laplace(0.4, 1.7), D.Laplace(0.9, 1.1)
    total = 0.0
    x, w = np.polynomial.legendre.leggauss(40)
    for low, high in [(-60.0, -5.0), (-5.0, 0.4), (0.4, 0.9), (0.9, 6.0), (6.0, 60.0)]:
        t = 0.5 * (low + high) + 0.5 * (high - low) * x
        log_p = p.log_prob(t)
        total += np.sum(0.5 * (high - low) * w * np.exp(log_p) * (log_p - q.log_prob(t)))
    np.testing.assert_allclose(D.kl(p, q), total, rtol=1e-10)


def test_kl_of_a_batch_and_of_a_point() -> None:
    p = D.Normal(np.zeros((2, 3)), np.ones(3))
    assert D.kl(p, D.Normal(1.0, 2.0)).shape == (2, 3)
    of_events = D.kl(p.to_event(1), D.Normal(np.ones(3), 2.0).to_event(1))
    np.testing.assert_allclose(of_events, np.sum(D.kl(p, D.Normal(1.0, 2.0)), axis=-1))
    assert D.kl(D.Delta(0.3), D.Normal()) == -D.Normal().log_prob(0.3)
    assert D.kl(D.Uniform(0.0, 2.0), D.Uniform(0.0, 1.0)) == np.inf


def test_unknown_divergences() -> None:
    assert not D.has_kl(D.Normal(), D.Cauchy())
    with pytest.raises(TypeError, match=r"KL\(Normal \|\| Cauchy\): register_kl adds one"):
        D.kl(D.Normal(), D.Cauchy())
    with pytest.raises(srcdiff.UnsupportedError, match="register_kl adds one"):
        srcdiff.grad(lambda m: D.kl(D.Normal(m), D.Cauchy()))(0.3)
    with pytest.raises(TypeError, match="different numbers of axes"):
        D.kl(D.Normal(np.zeros((2, 3))).to_event(1), D.Normal(np.zeros((2, 3))).to_event(2))


def test_kl_reads_as_its_formula() -> None:
    def loss(loc, scale):
        return np.sum(D.kl(D.Normal(loc, scale), D.Normal(0.0, 1.0)))

    source = srcdiff.grad(loss, argnums=(0, 1), jit=False).source_for(np.ones(3), np.ones(3))
    assert "return loc.copy(), scale - 1.0 / scale" in source


@pytest.mark.parametrize("name", CASES)
def test_exponential_families(name: str) -> None:
    """log density = natural parameters times statistics - log normaliser + log base measure."""
    case = CASES[name]
    d = case.dist()
    try:
        eta = d.natural_parameters()
    except NotImplementedError:
        return
    x = d.sample(np.random.default_rng(0), (6,))
    total = d.log_base_measure(x) - d.log_normalizer()
    for e, t in zip(eta, d.sufficient_statistics(x), strict=True):
        total = total + np.sum(e * t, axis=tuple(range(-np.ndim(e), 0)))
    np.testing.assert_allclose(total, d.log_density(x), rtol=1e-11, atol=1e-11)
