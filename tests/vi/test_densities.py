"""Densities: against SciPy, by quadrature or summation over the support, and their derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from vi.cases import CASES, Case, D, grid

import srcdiff
from srcdiff import vi

SIMPLEX = (
    "Categorical",
    "OneHotCategorical",
    "Multinomial",
    "Mixture",
)  # in terms of probabilities


def masses(case: Case) -> tuple[Any, Any]:
    """Points of the support and the probability that each stands for."""
    x, w = grid(case)
    with np.errstate(all="ignore"):
        p = np.where(w > 0.0, w * np.exp(case.dist().log_density(x)), 0.0)
    return x[p > 1e-300], p[p > 1e-300]


def average(case: Case, p: Any, f: Any) -> Any:
    return np.sum(p.reshape(p.shape + (1,) * len(case.shape)) * f, axis=0)


def flat(parts: Any) -> Any:
    return np.concatenate([np.ravel(part) for part in parts])


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if c.scipy is not None])
def test_as_scipy(name: str) -> None:
    case = CASES[name]
    d = case.dist()
    x = d.sample(np.random.default_rng(0), (7,))
    log_prob = case.scipy.logpdf if case.points is None else case.scipy.logpmf
    by_columns = {"Dirichlet": np.transpose, "Wishart": lambda x: np.moveaxis(x, 0, -1)}
    expected = log_prob(by_columns.get(name, np.asarray)(x))
    np.testing.assert_allclose(d.log_prob(x), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(d.log_prob(x), d.log_density(x))


@pytest.mark.parametrize("name", CASES)
def test_total_mass_moments_and_entropy(name: str) -> None:
    case = CASES[name]
    d = case.dist()
    x, p = masses(case)
    assert abs(p.sum() - 1.0) < 1e-9
    if case.has_moments:
        mean = average(case, p, x)
        np.testing.assert_allclose(d.mean, mean, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(
            d.variance, average(case, p, (x - mean) ** 2), rtol=1e-9, atol=1e-9
        )
    try:
        entropy = d.entropy()
    except NotImplementedError:
        return
    np.testing.assert_allclose(entropy, -np.sum(p * d.log_density(x)), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if c.parameters])
def test_scores(name: str) -> None:
    """The mean of the score is 0 (SEEDS B3), and the derivative by parameters and values that of differences."""
    case = CASES[name]
    make = case.make

    def weighted(theta, x, weights):
        return np.sum(weights * make(*theta).log_prob(x))

    is_smooth = case.points is None and "covariance" not in name and len(case.shape) < 2
    wrt = (0, 1) if is_smooth else (0,)
    gradient = srcdiff.grad(weighted, argnums=wrt, jit=False, on_independent="ignore")
    if case.fixed_support:
        score = gradient(case.parameters, *masses(case))[0]
        if name in SIMPLEX:  # along the simplex
            score = (score[0] - np.mean(score[0]), *score[1:])
        assert np.max(np.abs(flat(score))) < 1e-9
    rng = np.random.default_rng(1)
    x, weights = case.dist().sample(rng, (4,)), np.cos(np.arange(4.0))
    by_theta, *by_x = gradient(case.parameters, x, weights)
    directions = tuple(_direction(name, a, rng) for a in case.parameters)
    along = np.sum(flat(by_theta) * flat(directions))
    v = np.zeros(np.shape(x))
    if by_x:
        v = rng.normal(size=np.shape(x))
        v -= np.mean(v, axis=-1, keepdims=True) if name == "Dirichlet" else 0.0
        along += np.sum(by_x[0] * v)

    def moved(step):
        theta = tuple(a + step * e for a, e in zip(case.parameters, directions, strict=True))
        return weighted(theta, x + step * v if by_x else x, weights)

    np.testing.assert_allclose(along, (moved(1e-6) - moved(-1e-6)) / 2e-6, rtol=1e-6, atol=1e-7)


def _direction(name: str, a: Any, rng: Any) -> Any:
    e = rng.normal(size=np.shape(a))
    if np.ndim(a) == 2 and name != "LowRankMultivariateNormal":
        return e + e.T if name != "MultivariateNormal" else np.tril(e)
    return e if np.ndim(a) else float(e)


# ---- what the source looks like ----------------------------------------------------------------------------------


def test_the_formula_is_in_the_source() -> None:
    def loss(loc, x):
        return np.sum(D.Normal(loc, 1.0).log_prob(x))

    g = srcdiff.grad(loss, jit=False)
    np.testing.assert_allclose(g(0.5, np.arange(3.0)), 1.5)
    assert "return np.sum(x - loc)" in g.source

    def bernoulli(logits, y):
        return np.sum(D.Bernoulli(logits=logits).log_density(y))

    source = srcdiff.grad(bernoulli, jit=False).source_for(np.ones(3), np.ones(3))
    assert "return y - expit(logits)" in source


# values in (0, 1), and parameters that all of these allow
def many(a, b, x):
    total = np.sum(D.Normal(a, b).log_prob(x)) + np.sum(D.HalfCauchy(a).log_prob(x))
    total += np.sum(D.Gamma(a, b).log_prob(x)) + np.sum(D.Beta(a, b).log_prob(x))
    total += np.sum(D.Bernoulli(x).log_prob(1)) + np.sum(D.Poisson(x).log_prob(np.arange(4)))
    return total + D.Categorical(logits=x).log_prob(2) + D.Dirichlet(x).log_prob(x / np.sum(x))


def test_compiled() -> None:
    args = 0.4, 0.6, np.linspace(0.15, 0.9, 4)
    expected = srcdiff.grad(many, argnums=(0, 1, 2), jit=False)(*args)
    compiled = srcdiff.grad(many, argnums=(0, 1, 2), jit=True)(*args)
    for e, c in zip(expected, compiled, strict=True):
        np.testing.assert_allclose(c, e, rtol=1e-11, atol=1e-12)


@pytest.mark.slow
def test_compiled_tangents() -> None:
    args, v = (0.4, 0.6, np.linspace(0.15, 0.9, 4)), (1.0, -0.5, np.array([0.3, -1.0, 0.2, 0.6]))
    gradient = srcdiff.grad(many, argnums=(0, 1, 2), jit=False)(*args)
    value, tangent = srcdiff.jvp(many, args, v, jit=True)
    np.testing.assert_allclose(value, many(*args), rtol=1e-12)
    np.testing.assert_allclose(
        tangent, sum(np.sum(g * d) for g, d in zip(gradient, v, strict=True))
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n, c in CASES.items() if c.parameters])
def test_forward_and_compiled(name: str) -> None:
    """Forward mode, and both compiled, give what reverse mode gives in NumPy."""
    case = CASES[name]
    make = case.make

    def total(theta, x):
        return np.sum(np.cos(np.arange(4.0)) * make(*theta).log_prob(x))

    rng = np.random.default_rng(1)
    x = case.dist().sample(rng, (4,))
    expected = srcdiff.grad(total, jit=False)(case.parameters, x)
    compiled = srcdiff.grad(total, jit=True)(case.parameters, x)
    np.testing.assert_allclose(flat(compiled), flat(expected), rtol=1e-10, atol=1e-11)
    directions = tuple(_direction(name, a, rng) for a in case.parameters)
    for jit in (False, True):
        value, tangent = srcdiff.jvp(total, (case.parameters, x), (directions, None), jit=jit)
        np.testing.assert_allclose(value, total(case.parameters, x), rtol=1e-11, atol=1e-12)
        along = np.sum(flat(expected) * flat(directions))
        np.testing.assert_allclose(tangent, along, rtol=1e-9, atol=1e-10)


# ---- the edges ----------------------------------------------------------------------------------------------------


OUTSIDE = [
    (D.LogNormal(), [-1.0, 0.0]), (D.HalfNormal(), [-1.0]), (D.HalfCauchy(), [-1e-300]),
    (D.TruncatedNormal(low=-1.0, high=1.0), [-1.1, 1.1]), (D.TruncatedNormal(high=1.0), [1.1]),
    (D.Levy(0.5, 1.0), [0.5, -1.0]), (D.Exponential(), [-1.0]), (D.Gamma(2.0), [-1.0]),
    (D.InverseGamma(2.0), [0.0, -1.0]), (D.InverseGaussian(1.0, 1.0), [0.0, -1.0]), (D.Chi2(3.0), [-1.0]),
    (D.LogUniform(0.5, 2.0), [0.4, 2.1, -1.0]), (D.Pareto(1.0, 2.0), [0.9]), (D.Weibull(1.0, 2.0), [-1.0]),
    (D.Uniform(), [-0.1, 1.1]), (D.Beta(2.0, 2.0), [-0.1, 1.1]), (D.Kumaraswamy(2.0, 2.0), [-0.1, 1.1]),
    (D.VonMises(0.0, 1.0), [-3.2, 3.2]), (D.Bernoulli(0.3), [0.5, 2, -1]), (D.Bernoulli(logits=0.3), [2, -1]),
    (D.Rademacher(), [0, 2]), (D.DiscreteUniform(2, 6), [1, 7, 2.5]), (D.Categorical(np.ones(3) / 3), [-1, 3]),
    (D.Categorical(logits=np.ones(3)), [-1, 3]), (D.Poisson(2.0), [-1, 0.5]), (D.Binomial(3, 0.3), [-1, 4, 0.5]),
    (D.Geometric(0.3), [-1, 0.5]), (D.NegativeBinomial(2.0, 0.3), [-1, 0.5]), (D.GammaPoisson(2.0), [-1, 0.5]),
    (D.BetaBinomial(1.0, 1.0, 3), [-1, 4]), (D.ZeroInflatedPoisson(0.3), [-1, 0.5]),
    (D.Dirichlet(np.ones(3)), [[0.5, 0.5, 0.5], [1.5, -0.5, 0.0]]), (D.Multinomial(2, np.ones(2) / 2), [[1, 2]]),
    (D.OneHotCategorical(np.ones(2) / 2), [[1, 1], [0, 0]]), (D.DirichletMultinomial(np.ones(2), 2), [[1, 2]]),
    (D.LKJCholesky(2), [[[1.0, 0.0], [0.8, 0.8]]]), (D.Wishart(3.0, np.eye(2)), [[[1.0, 2.0], [2.0, 1.0]]]),
]  # fmt: skip


@pytest.mark.parametrize(("d", "values"), OUTSIDE, ids=lambda v: repr(v)[:30])
def test_outside_of_the_support(d: Any, values: Any) -> None:
    with np.errstate(all="raise"):
        assert np.all(d.log_prob(np.array(values)) == -np.inf)
    with pytest.raises(ValueError, match=f"{type(d).__name__}: value"):
        d.validate_value(np.array(values))


def test_at_the_ends() -> None:
    at_zero = np.array([0.0, 0.0])
    assert D.Gamma(np.array([1.0, 2.0]), 1.5).log_prob(at_zero).tolist() == [np.log(1.5), -np.inf]
    assert D.Beta(1.0, 1.0).log_prob(np.array([0.0, 1.0])).tolist() == [0.0, 0.0]
    assert D.Beta(2.0, 3.0).log_prob(np.array([0.0, 1.0])).tolist() == [-np.inf, -np.inf]
    assert D.Bernoulli(0.0).log_prob(np.array([0, 1])).tolist() == [0.0, -np.inf]
    assert D.Bernoulli(1.0).log_prob(np.array([0, 1])).tolist() == [-np.inf, 0.0]
    assert D.Dirichlet(np.ones(2)).log_prob(np.array([0.0, 1.0])) == 0.0
    assert D.Chi2(2.0).log_prob(0.0) == -np.log(2.0)
    assert D.Binomial(3, 0.0).log_prob(0) == 0.0
    assert np.isfinite(
        D.Bernoulli(logits=np.array([-800.0, 800.0])).log_prob(np.array([1, 0]))
    ).all()
    far = D.TruncatedNormal(0.0, 1.0, low=30.0, high=31.0)
    assert np.isfinite(far.log_prob(30.5)) and 30.0 < far.mean < 30.1


def test_ends_of_the_doubles() -> None:
    """What is computed on the way is no larger and no smaller than doubles are."""
    wide = D.LogUniform(1e-308, 1.7e308)
    ratio = np.log(1.7e308) - np.log(1e-308)
    assert wide.log_prob(1.0) == pytest.approx(-np.log(ratio), rel=1e-14)
    np.testing.assert_allclose(wide.from_noise(np.array([0.5])), np.sqrt(1.7), rtol=1e-11)
    assert D.Levy(0.0, 5e-324).log_prob(1.0) == pytest.approx(
        0.5 * (np.log(5e-324) - np.log(2.0 * np.pi)), rel=1e-14
    )

    def drawn():
        vi.sample("x", D.LogUniform(1e-308, 1.7e308))

    x = vi.prior(drawn)(np.random.default_rng(0), draws=100)["x"]
    assert np.all((x > 1e-308) & (x < 1.7e308))


def test_no_nan_in_gradients_outside() -> None:
    def total(a, x):
        return np.sum(D.Gamma(a, 1.0).log_prob(x)) + np.sum(D.Beta(a, 2.0).log_prob(x))

    x = np.array([0.5, -1.0, 2.0])
    by_a, by_x = srcdiff.grad(total, argnums=(0, 1), jit=False)(2.5, x)
    inside = srcdiff.grad(total, argnums=(0, 1), jit=False)(2.5, x[[0]])
    alone = srcdiff.grad(lambda a: D.Gamma(a, 1.0).log_prob(2.0), jit=False)(2.5)
    np.testing.assert_allclose(by_a, inside[0] + alone)
    assert by_x[1] == 0.0 and by_x[0] == inside[1][0]


def test_batches_broadcast() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4, 3))
    np.testing.assert_array_equal(
        D.Categorical(logits=logits).log_prob(np.array([0, 1, 2, 1])),
        [
            D.Categorical(logits=row).log_prob(k)
            for row, k in zip(logits, [0, 1, 2, 1], strict=True)
        ],
    )
    deep = rng.normal(size=(2, 4, 3))
    values = rng.integers(0, 3, (5, 2, 4))
    expected = np.take_along_axis(deep[None] + np.zeros((5, 1, 1, 1)), values[..., None], -1)[
        ..., 0
    ]
    norm = np.log(np.sum(np.exp(deep), axis=-1))
    np.testing.assert_allclose(D.Categorical(logits=deep).log_prob(values), expected - norm)
    A = rng.normal(size=(4, 3, 3))
    L = np.linalg.cholesky(A @ np.swapaxes(A, -1, -2) + np.eye(3))
    x = rng.normal(size=(5, 4, 3))
    batch = D.MultivariateNormal(np.zeros(3), scale_tril=L)
    one = [D.MultivariateNormal(np.zeros(3), scale_tril=L[k]).log_prob(x[:, k]) for k in range(4)]
    np.testing.assert_allclose(batch.log_prob(x), np.stack(one, axis=1))
    assert batch.sample(rng, (2,)).shape == (2, 4, 3) and batch.entropy().shape == (4,)
    alone = D.MultivariateNormal(np.zeros(3), scale_tril=L[0])
    np.testing.assert_allclose(alone.log_prob(x), [alone.log_prob(v) for v in x])
    assert D.Normal(np.zeros(3), 2.0).entropy().shape == (3,)
    assert D.Normal(np.zeros((2, 1)), np.ones(3)).batch_shape == (2, 3)


def test_points_and_flat_densities() -> None:
    point = D.Delta(np.array([0.3, 0.4]), log_density=-2.0, event_dim=1)
    assert (point.batch_shape, point.event_shape) == ((), (2,))
    assert point.log_prob(np.array([0.3, 0.4])) == -2.0
    assert point.log_prob(np.array([0.3, 0.5])) == -np.inf
    draws = point.from_noise(point.draw_noise(np.random.default_rng(0), (3,)))
    np.testing.assert_array_equal(draws, point.sample(np.random.default_rng(0), (3,)))
    np.testing.assert_array_equal(point.mean, [0.3, 0.4])
    gradient = srcdiff.grad(lambda v: np.sum(D.Delta(v).from_noise(np.zeros(2)) ** 2), jit=False)
    np.testing.assert_array_equal(gradient(np.array([0.3, 0.4])), [0.6, 0.8])
    flat_density = D.ImproperUniform(D.constraints.positive)
    assert flat_density.log_prob(np.array([2.0, -1.0])).tolist() == [0.0, -np.inf]
    assert D.ImproperUniform(D.constraints.real, (), (3,)).log_density(np.ones((2, 3))).shape == (
        2,
    )
    with pytest.raises(TypeError, match="no probability distribution"):
        flat_density.sample(np.random.default_rng(0))


def test_mixtures_of_vectors() -> None:
    weights, means = np.array([0.3, 0.7]), np.array([[0.0, 1.0], [2.0, -1.0]])
    mixture = D.MixtureSameFamily(D.Categorical(weights), D.Normal(means, 1.0).to_event(1))
    x = np.array([[0.5, 0.5], [1.0, 0.0], [2.0, 2.0]])
    each = [D.Normal(m, 1.0).to_event(1).log_prob(x) for m in means]
    np.testing.assert_allclose(mixture.log_prob(x), np.log(np.exp(np.stack(each, -1)) @ weights))
    np.testing.assert_allclose(mixture.mean, weights @ means)
    draws = mixture.sample(np.random.default_rng(0), (20_000,))
    assert draws.shape == (20_000, 2)
    np.testing.assert_allclose(draws.mean(0), mixture.mean, atol=0.05)
    np.testing.assert_allclose(draws.var(0), mixture.variance, atol=0.05)
    with pytest.raises(ValueError, match="3 weights, and components of batch_shape"):
        D.MixtureSameFamily(D.Categorical(np.ones(3) / 3), D.Normal(means[0], 1.0)).validate()
