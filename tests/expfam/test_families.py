"""Families of one variable: what is derived from `log_Z` against quadrature, sums, SciPy and draws (rows J1, J2, J4)."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import logsumexp

from srcdiff import expfam
from srcdiff.expfam.core.pytree import flatten, leaves

rng = np.random.default_rng(17)
_root = np.array([[1.1, 0.0, 0.0], [0.3, 0.8, 0.0], [-0.2, 0.4, 0.7]])

# family, natural parameters, where its values lie, the same distribution in SciPy
ONE = [
    (expfam.bernoulli, expfam.bernoulli.natural(0.3), (0, 1), stats.bernoulli(0.3)),
    (expfam.gaussian, expfam.gaussian.natural(1.5, 0.7), (-np.inf, np.inf), stats.norm(1.5, 0.7**0.5)),
    (expfam.gamma, expfam.gamma.natural(2.5, 1.3), (0.0, np.inf), stats.gamma(2.5, scale=1 / 1.3)),
    (expfam.beta, expfam.beta.natural(2.5, 3.5), (0.0, 1.0), stats.beta(2.5, 3.5)),
    (expfam.poisson, expfam.poisson.natural(3.7), range(80), stats.poisson(3.7)),
]  # fmt: skip
by_name = pytest.mark.parametrize(
    ("family", "eta", "support", "reference"), ONE, ids=[f[0].name for f in ONE]
)


def expected(family: Any, eta: Any, support: Any, f: Any) -> Any:
    """The mean of `f` by quadrature or by the sum over all values."""
    density = lambda x: np.exp(family.log_prob(eta, x))
    if isinstance(support, tuple) and isinstance(support[0], float):
        return integrate.quad(lambda x: density(x) * f(x), *support, epsabs=1e-13, epsrel=1e-12, limit=200)[0]  # fmt: skip
    return sum(density(x) * f(x) for x in support)


def statistics(family: Any, eta: Any, x: Any) -> Any:
    return np.array([float(s) for s in leaves(family.statistics(eta, x))])


def dense(family: Any, eta: Any) -> Any:
    """The Fisher information as a matrix."""
    vector, restore = flatten(eta)
    return np.array([flatten(family.fisher(eta, restore(v)))[0] for v in np.eye(len(vector))])


@by_name
def test_log_prob_is_that_of_scipy(family: Any, eta: Any, support: Any, reference: Any) -> None:
    xs = reference.rvs(5, random_state=rng)
    log_density = reference.logpmf if hasattr(reference.dist, "logpmf") else reference.logpdf
    assert family.log_prob(eta, xs) == pytest.approx(log_density(xs), abs=1e-12)
    assert family.log_prob(eta, xs[0]) == pytest.approx(log_density(xs[0]), abs=1e-12)


@by_name
def test_the_gradient_is_the_mean_of_the_statistics(
    family: Any, eta: Any, support: Any, reference: Any
) -> None:
    found = flatten(family.mean(eta))[0]
    for k, value in enumerate(found):
        by_hand = expected(family, eta, support, lambda x, k=k: statistics(family, eta, x)[k])
        assert value == pytest.approx(by_hand, abs=1e-9)


@by_name
def test_the_hessian_is_their_covariance(
    family: Any, eta: Any, support: Any, reference: Any
) -> None:
    mean = flatten(family.mean(eta))[0]
    found = dense(family, eta)
    for i, j in itertools.product(range(len(mean)), repeat=2):
        product = lambda x, i=i, j=j: np.prod((statistics(family, eta, x) - mean)[[i, j]])
        assert found[i, j] == pytest.approx(expected(family, eta, support, product), abs=1e-9)


@by_name
def test_the_third_derivative_is_the_third_cumulant(
    family: Any, eta: Any, support: Any, reference: Any
) -> None:
    vector, restore = flatten(eta)
    mean = flatten(family.mean(eta))[0]
    u, v = rng.normal(size=(2, len(vector)))
    found = flatten(family.third_cumulant(eta, restore(u), restore(v)))[0]
    for k in range(len(vector)):

        def product(x: Any, k: int = k) -> Any:
            t = statistics(family, eta, x) - mean
            return t[k] * (t @ u) * (t @ v)

        assert found[k] == pytest.approx(expected(family, eta, support, product), rel=1e-7)


@by_name
def test_entropy_is_that_of_scipy(family: Any, eta: Any, support: Any, reference: Any) -> None:
    assert family.entropy(eta) == pytest.approx(float(reference.entropy()), abs=1e-10)


@by_name
def test_kl_is_the_mean_of_the_difference_of_log_densities(
    family: Any, eta: Any, support: Any, reference: Any
) -> None:
    vector, restore = flatten(eta)
    other = restore(0.8 * vector)
    gap = lambda x: family.log_prob(eta, x) - family.log_prob(other, x)
    assert family.kl(eta, other) == pytest.approx(expected(family, eta, support, gap), abs=1e-9)
    assert family.kl(eta, eta) == pytest.approx(0.0, abs=1e-12)


@by_name
def test_draws_have_the_expected_statistics(
    family: Any, eta: Any, support: Any, reference: Any
) -> None:
    n = 40_000
    xs = family.sample(eta, np.random.default_rng(3), n)
    assert len(xs) == n
    error = flatten(family.mean_statistics(eta, xs))[0] - flatten(family.mean(eta))[0]
    assert np.all(np.abs(error) < 4.0 * np.sqrt(np.diag(dense(family, eta)) / n))


@by_name
def test_a_fit_finds_the_parameters_of_its_statistics(
    family: Any, eta: Any, support: Any, reference: Any
) -> None:
    found = family.fit(family.mean(eta))
    assert flatten(found)[0] == pytest.approx(flatten(eta)[0], rel=1e-8)


@by_name
def test_usual_parameters_lead_back_to_natural_ones(
    family: Any, eta: Any, support: Any, reference: Any
) -> None:
    assert flatten(family.natural(**family.usual(eta)))[0] == pytest.approx(flatten(eta)[0])


# ---- several variables --------------------------------------------------------------------------------


def test_parameters_may_be_arrays_of_independent_variables() -> None:
    means, variances = np.array([0.5, -1.0, 2.0]), np.array([0.3, 1.0, 2.5])
    eta = expfam.gaussian.natural(means, variances)
    first, second = expfam.gaussian.mean(eta)
    assert first == pytest.approx(means)
    assert second == pytest.approx(means**2 + variances)
    assert expfam.gaussian.entropy(eta) == pytest.approx(stats.norm(means, variances**0.5).entropy().sum())  # fmt: skip
    assert expfam.gaussian.sample(eta, rng, 4).shape == (4, 3)
    xs = np.zeros((5, 3))
    assert expfam.gaussian.log_prob(eta, xs) == pytest.approx(
        np.full(5, stats.norm(means, variances**0.5).logpdf(0.0).sum())
    )
    assert expfam.gaussian.usual(expfam.gaussian.fit((first, second)))["variance"] == pytest.approx(variances)  # fmt: skip


def test_a_categorical_needs_no_normalised_parameters() -> None:
    eta = np.array([0.3, -1.0, 2.0, -np.inf])
    p = np.exp(eta - logsumexp(eta))
    assert expfam.categorical.mean(eta) == pytest.approx(p)
    assert expfam.categorical.entropy(eta) == pytest.approx(stats.entropy(p))
    assert dense(expfam.categorical, eta) == pytest.approx(np.diag(p) - np.outer(p, p))
    fitted = expfam.categorical.fit(p[:3])
    assert expfam.categorical.usual(fitted)["p"] == pytest.approx(p[:3])
    counts = np.bincount(expfam.categorical.sample(eta, np.random.default_rng(0), 30_000))
    assert len(counts) == 3
    assert stats.chisquare(counts, 30_000 * p[:3]).pvalue > 1e-3
    assert expfam.categorical.log_prob(eta, np.array([0, 2])) == pytest.approx(np.log(p[[0, 2]]))
    assert expfam.categorical.log_prob(eta, 3) == -np.inf


def test_a_divergence_from_what_is_impossible_is_infinite() -> None:
    possible, impossible = np.array([0.0, 0.0]), np.array([0.0, -np.inf])
    assert expfam.categorical.kl(possible, impossible) == np.inf
    assert expfam.categorical.kl(impossible, possible) == pytest.approx(np.log(2.0))


def test_dirichlet_statistics_are_mean_logarithms() -> None:
    eta = expfam.dirichlet.natural([2.5, 0.7, 4.0])
    reference = stats.dirichlet([2.5, 0.7, 4.0])
    x = reference.rvs(40_000, random_state=np.random.default_rng(1))
    spread = np.sqrt(np.diag(dense(expfam.dirichlet, eta)) / 40_000)
    assert np.all(np.abs(expfam.dirichlet.mean(eta) - np.log(x).mean(0)) < 4 * spread)
    assert expfam.dirichlet.log_prob(eta, x[0]) == pytest.approx(reference.logpdf(x[0]))
    assert expfam.dirichlet.entropy(eta) == pytest.approx(reference.entropy())
    assert expfam.dirichlet.fit(expfam.dirichlet.mean(eta)) == pytest.approx(eta, rel=1e-8)
    assert expfam.dirichlet.sample(eta, rng, 2).sum(1) == pytest.approx(1.0)


def test_a_multivariate_gaussian_has_symmetric_moments() -> None:
    family = expfam.multivariate_gaussian
    mean, covariance = np.array([0.5, -1.0, 2.0]), _root @ _root.T
    eta = family.natural(mean, covariance)
    reference = stats.multivariate_normal(mean, covariance)
    first, second = family.mean(eta)
    assert first == pytest.approx(mean)
    assert second == pytest.approx(covariance + np.outer(mean, mean))
    assert np.array_equal(second, second.T)
    xs = reference.rvs(4, random_state=rng)
    assert family.log_prob(eta, xs) == pytest.approx(reference.logpdf(xs))
    assert family.entropy(eta) == pytest.approx(reference.entropy())
    other = family.natural(mean + 0.3, 1.2 * covariance)
    gap = 0.5 * (3 / 1.2 - 3 + 3 * np.log(1.2) + np.full(3, 0.3) @ np.linalg.solve(1.2 * covariance, np.full(3, 0.3)))  # fmt: skip
    assert family.kl(eta, other) == pytest.approx(gap)
    fitted = family.usual(family.fit((first, second)))
    assert fitted["mean"] == pytest.approx(mean, abs=1e-8)
    assert fitted["covariance"] == pytest.approx(covariance, abs=1e-8)


def test_the_hessian_of_a_multivariate_gaussian_is_the_covariance_of_its_statistics() -> None:
    family = expfam.multivariate_gaussian
    mean, S = np.array([0.5, -1.0]), np.array([[1.2, 0.3], [0.3, 0.8]])
    eta = family.natural(mean, S)
    _, squares = family.fisher(eta, (np.array([1.0, 0.0]), np.zeros((2, 2))))
    # Cov(x_i x_j, x_0) = m_i S_j0 + m_j S_i0
    assert squares == pytest.approx(np.outer(mean, S[0]) + np.outer(S[0], mean))


# ---- families of one's own ----------------------------------------------------------------------------


def two_spins(eta):
    """Two signs with fields and a coupling; a dict of parameters."""
    fields, coupling = eta["fields"], eta["coupling"]
    total = -np.inf
    for a in (-1.0, 1.0):
        for b in (-1.0, 1.0):
            total = np.logaddexp(total, fields[0] * a + fields[1] * b + coupling * a * b)
    return total


def test_a_family_of_ones_own_has_finitely_many_values() -> None:
    values = list(itertools.product((-1.0, 1.0), repeat=2))
    family = expfam.family(
        two_spins,
        statistics=lambda eta, x: {"fields": np.array(x), "coupling": x[0] * x[1]},
        support=lambda eta: values,
        start=lambda stats: {"fields": np.zeros(2), "coupling": 0.0},
        jit=False,
    )
    eta = {"fields": np.array([0.3, -0.8]), "coupling": 0.5}
    p = np.exp([family.log_prob(eta, x) for x in values])
    assert p.sum() == pytest.approx(1.0)
    mean = family.mean(eta)
    assert mean["fields"] == pytest.approx(p @ np.array(values))
    assert mean["coupling"] == pytest.approx(p @ np.prod(values, axis=1))
    assert family.entropy(eta) == pytest.approx(stats.entropy(p))
    assert family.mode(eta) == values[int(np.argmax(p))]
    found = family.fit(mean)
    assert found["fields"] == pytest.approx(eta["fields"])
    assert found["coupling"] == pytest.approx(0.5)
    drawn = family.sample(eta, np.random.default_rng(5), 20_000)
    counts = [np.sum(np.all(drawn == x, axis=1)) for x in values]
    assert stats.chisquare(counts, 20_000 * p).pvalue > 1e-3


def test_integer_parameters_are_floats() -> None:
    assert expfam.gamma.mean((1, -2)) == pytest.approx(expfam.gamma.mean((1.0, -2.0)))
    assert expfam.categorical.mean(np.array([0, 0])) == pytest.approx([0.5, 0.5])


# ---- fits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "boundary"),
    [
        (expfam.bernoulli, 1.0),
        (expfam.poisson, 0.0),
        (expfam.gaussian, (2.0, 4.0)),
        (expfam.gamma, (np.log(2.0), 2.0)),
        (expfam.categorical, np.array([0.5, 0.5, 0.0])),
        (expfam.bernoulli, 1.5),
    ],
    ids=["all ones", "no event", "all equal", "all equal (gamma)", "a symbol that never occurs", "no mean of bits"],
)  # fmt: skip
def test_statistics_on_the_boundary_are_refused(family: Any, boundary: Any) -> None:
    with pytest.raises(ValueError, match="no parameters have these expected statistics"):
        family.fit(boundary)


@pytest.mark.parametrize(
    ("family", "usual"),
    [
        (expfam.gaussian, {"mean": 1000.0, "variance": 0.01}),
        (expfam.gamma, {"shape": 400.0, "rate": 0.01}),
        (expfam.gamma, {"shape": 0.01, "rate": 100.0}),
        (expfam.beta, {"a": 0.05, "b": 300.0}),
        (expfam.poisson, {"rate": 1e6}),
        (expfam.bernoulli, {"p": 1e-6}),
    ],
)
def test_fits_far_from_the_start_converge(family: Any, usual: Any) -> None:
    found = family.usual(family.fit(family.mean(family.natural(**usual))))
    assert {k: float(v) for k, v in found.items()} == pytest.approx(usual, rel=1e-4)


def test_a_fit_of_the_mean_alone_converges_in_one_step() -> None:
    """In natural parameters, with a quadratic `log_Z`, a step of natural gradient is exact (moonshot 11)."""
    calls = []

    def unit_gaussian(eta):
        return 0.5 * np.sum(eta**2)

    family = expfam.family(unit_gaussian, start=np.zeros_like, domain=lambda eta: calls.append(eta) or True, jit=False)  # fmt: skip
    assert family.fit(np.array([3.0, -700.0])) == pytest.approx([3.0, -700.0])
    assert len(calls) == 2  # the start, and the solution


# ---- methods that need a part which the family lacks --------------------------------------------------


def test_what_is_missing_is_named() -> None:
    bare = expfam.family(lambda eta: np.logaddexp(0.0, eta), name="coin", jit=False)
    with pytest.raises(ValueError, match="coin has no statistics"):
        bare.log_prob(0.3, 1)
    with pytest.raises(ValueError, match="coin does not say how to draw"):
        bare.sample(0.3, rng, 1)
    with pytest.raises(ValueError, match="coin does not say what its mode is"):
        bare.mode(0.3)
    with pytest.raises(ValueError, match="coin does not say where to start"):
        bare.fit(0.3)
    with pytest.raises(TypeError, match="a function of natural parameters"):
        expfam.family(3)  # type: ignore[arg-type]


def test_shapes_that_disagree_are_reported_in_the_terms_of_the_model() -> None:
    with pytest.raises(ValueError, match=r"h has shape \(3,\), so J has to be 3 x 3, not \(2, 2\)"):
        expfam.multivariate_gaussian.mean((np.zeros(3), -np.eye(2)))


def test_cross_entropy_is_entropy_and_divergence() -> None:
    families = {
        "poisson": ({"rate": 3.5}, {"rate": 0.5}),
        "gaussian": ({"mean": 1.5, "variance": 0.7}, {"mean": 0.0, "variance": 2.0}),
        "beta": ({"a": 2.0, "b": 0.5}, {"a": 1.0, "b": 3.0}),
    }
    for name, (one, two) in families.items():
        family = getattr(expfam, name)
        eta, other = family.natural(**one), family.natural(**two)
        expected = family.entropy(eta) + family.kl(eta, other)
        assert family.cross_entropy(eta, other) == pytest.approx(expected, abs=1e-12)
        assert "def cross_entropy(eta, other" in family.cross_entropy.source
    eta, other = expfam.poisson.natural(rate=3.5), expfam.poisson.natural(rate=0.5)
    x = np.arange(200)
    p = np.exp(expfam.poisson.log_prob(eta, x))
    mean = -p @ expfam.poisson.log_prob(other, x)
    assert expfam.poisson.cross_entropy(eta, other) == pytest.approx(mean, abs=1e-10)


@pytest.mark.parametrize("rate", [900.0, 1100.0, 1e8])
def test_the_entropy_of_many_counts_is_that_of_a_gaussian_and_its_corrections(rate: float) -> None:
    found = expfam.poisson.entropy(expfam.poisson.natural(rate=rate))
    series = 0.5 * np.log(2.0 * np.pi * np.e * rate) - 1.0 / (12.0 * rate) - 1.0 / (24.0 * rate**2)
    assert found == pytest.approx(series, abs=1e-9 + 1e-14 * rate)


def test_third_cumulants_have_a_source() -> None:
    cumulant = expfam.gamma.third_cumulant
    eta = expfam.gamma.natural(shape=2.0, rate=0.5)
    text = cumulant.source_for(eta, eta, eta)
    cumulant(eta, eta, eta)
    assert cumulant.source == text
    assert "def " in text and "srcdiff" not in text
