"""Draws: their distribution, and the derivatives of reparameterised ones."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import special, stats
from vi.cases import CASES, COVARIANCE, D, grid

import srcdiff
from srcdiff.runtime.quantile_paths import beta_path, gamma_path

COUNT = 100_000
BOUND = 1.63 / np.sqrt(COUNT)  # Kolmogorov's at the level 0.01 (SEEDS B11); the draws are fixed
LINES = [n for n, c in CASES.items() if c.points is None and not c.shape]
PATHS = [n for n, c in CASES.items() if c.points is None and c.dist().noise]


def cdf(name: str) -> Any:
    case = CASES[name]
    if case.cdf or (case.scipy is not None and name != "VonMises"):  # whose goes round with loc
        return case.cdf or case.scipy.cdf
    x, w = grid(case)  # of mixtures
    p = w * np.exp(case.dist().log_density(x))
    return lambda v: np.interp(v, x, np.cumsum(p) - 0.5 * p)


def distance(draws: Any, f: Any) -> float:
    u, n = f(np.sort(draws)), len(draws)
    steps = np.arange(n) / n
    return float(max(np.max(u - steps), np.max(steps + 1.0 / n - u)))


@pytest.mark.parametrize("name", LINES)
def test_draws_have_the_distribution(name: str) -> None:
    d, f = CASES[name].dist(), cdf(name)
    assert distance(d.sample(np.random.default_rng(3), (COUNT,)), f) < BOUND
    if d.noise:
        draws = d.from_noise(d.draw_noise(np.random.default_rng(4), (COUNT,)))
        assert draws.shape == (COUNT,) and distance(draws, f) < BOUND
    d.validate_value(d.sample(np.random.default_rng(5), (3,)))


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if c.points is not None])
def test_draws_of_whole_numbers(name: str) -> None:
    case = CASES[name]
    d = case.dist()
    draws = d.sample(np.random.default_rng(3), (COUNT,))
    d.validate_value(draws)
    assert draws.shape == (COUNT, *case.shape) and draws.dtype.kind == "i"
    expected = COUNT * np.exp(d.log_prob(case.points))
    keys = {tuple(np.atleast_1d(x)): k for k, x in enumerate(case.points)}
    rows, counts = np.unique(draws.reshape(COUNT, -1), axis=0, return_counts=True)
    seen = np.zeros(len(expected))
    seen[[keys[tuple(row)] for row in rows]] = counts
    rare = expected < 10.0
    seen = np.append(seen[~rare], seen[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    seen, expected = seen[expected > 0.0], expected[expected > 0.0]
    statistic = np.sum((seen - expected) ** 2 / expected)
    assert statistic < stats.chi2.ppf(0.999, max(len(expected) - 1, 1))


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if c.points is None and c.shape])
def test_draws_of_vectors(name: str) -> None:
    """Means and variances within 5 standard errors, of the values and of the products of neighbours."""
    case = CASES[name]
    d = case.dist()
    kinds = [d.sample(np.random.default_rng(3), (COUNT,))]
    if d.noise:
        kinds.append(d.from_noise(d.draw_noise(np.random.default_rng(4), (COUNT,))))
    x, w = grid(case)
    p = w * np.exp(d.log_density(x))
    for draws in kinds:
        d.validate_value(draws)
        for f in (lambda v: v, lambda v: v**2, lambda v: v * np.roll(v, 1, axis=-1)):
            of_grid, of_draws = f(x.reshape(len(x), -1)), f(draws.reshape(COUNT, -1))
            error = np.std(of_draws, axis=0) / np.sqrt(COUNT)
            assert np.all(np.abs(of_draws.mean(0) - p @ of_grid) <= 5.0 * error + 1e-9)


def test_lkj_of_three() -> None:
    """Each correlation of an LKJ matrix is 2 b - 1 for a beta number b with both parameters eta - 1 + K / 2."""
    d = D.LKJCholesky(3, 1.4)
    L = d.sample(np.random.default_rng(3), (COUNT,))
    d.validate_value(L)
    R = L @ np.swapaxes(L, -1, -2)
    f = stats.beta(1.9, 1.9, -1.0, 2.0).cdf
    for i, j in [(1, 0), (2, 0), (2, 1)]:
        assert distance(R[:, i, j], f) < BOUND


# ---- reparameterised draws ---------------------------------------------------------------------------------------


def noise_grid(d: Any) -> tuple[Any, Any]:
    """Noise and weights: sums are means over it. Of two numbers for a draw, all pairs."""
    x, w = np.polynomial.legendre.leggauss(10)
    # of uniform noise, in its logits; what is not smooth for some (the middle, AsymmetricLaplace's share) is an edge
    edges = np.linspace(-13.0, 13.0, 41)
    if d.noise == "uniform":
        edges = np.concatenate(
            (np.linspace(-80.0, 0.0, 101), np.linspace(0.0, 2.0 * np.log(1.3), 5)[1:])
        )
        edges = np.concatenate((edges, np.linspace(edges[-1], 36.0, 51)[1:]))
    half = 0.5 * np.diff(edges)[:, None]
    u = (0.5 * (edges[1:] + edges[:-1])[:, None] + half * x).ravel()
    w = (half * w).ravel()
    if d.noise == "normal":
        w *= stats.norm.pdf(u)
    else:
        w *= special.expit(u) * special.expit(-u)
        u = special.expit(u)
    if not d.noise_shape():
        return u, w
    a, b = np.meshgrid(u, u)
    return np.stack([a.ravel(), b.ravel()], axis=-1), np.outer(w, w).ravel()


@pytest.mark.parametrize("name", [n for n in PATHS if n in LINES])
def test_path_derivatives(name: str) -> None:
    """The mean path derivative of f(x) is the derivative of its mean, E[f(x) score]."""
    case = CASES[name]
    make = case.make

    def bounded(x):
        return 1.0 / (1.0 + 0.1 * (x - 0.3) ** 2)

    def mean_over_noise(theta, eps, w):
        return np.sum(w * bounded(make(*theta).from_noise(eps)))

    def mean_over_values(theta, x, p):
        return np.sum(p * make(*theta).log_density(x))

    eps, w = noise_grid(case.dist())
    assert abs(w.sum() - 1.0) < 1e-9
    by_path = srcdiff.grad(mean_over_noise, jit=False)(case.parameters, eps, w)
    if case.fixed_support:
        x, weights = grid(case)
        with np.errstate(all="ignore"):
            p = np.where(weights > 0.0, weights * np.exp(case.dist().log_density(x)), 0.0)
        x, p = x[p > 1e-300], p[p > 1e-300]
        expected = srcdiff.grad(mean_over_values, jit=False)(case.parameters, x, p * bounded(x))
        np.testing.assert_allclose(by_path, expected, rtol=1e-6, atol=1e-7)
    else:
        for k in range(len(case.parameters)):
            ends = [list(case.parameters), list(case.parameters)]
            ends[0][k] += 1e-5
            ends[1][k] -= 1e-5
            up, down = (mean_over_noise(tuple(e), eps, w) for e in ends)
            np.testing.assert_allclose(by_path[k], (up - down) / 2e-5, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("low", "high"), [(40.0, None), (None, -100.0), (39.0, 60.0), (-1e3, -50.0), (-1.0, 60.0)]
)
def test_truncated_normal_draws_of_the_far_tail(low: Any, high: Any) -> None:
    """There the CDF is 0: against mpmath's quantiles, and differences."""

    def draw(loc, scale, eps):
        ends = {"low": low, "high": high}
        return D.TruncatedNormal(loc, scale, **ends).from_noise(eps)

    def cdf(x):
        return mpmath.erfc(-mpmath.mpf(x) / mpmath.sqrt(2)) / 2

    with mpmath.workdps(700):
        ends = [
            mpmath.mpf(0) if low is None else cdf(low),
            mpmath.mpf(1) if high is None else cdf(high),
        ]
        for eps in (1e-9, 0.3, 1.0 - 1e-9):
            x = draw(0.0, 1.0, eps)
            assert float((cdf(x) - ends[0]) / (ends[1] - ends[0])) == pytest.approx(eps, rel=1e-6)
    eps = np.array([0.1, 0.5, 0.9])
    gradient = srcdiff.grad(
        lambda loc, scale: np.sum(draw(loc, scale, eps)), argnums=(0, 1), jit=False
    )
    for k, (found, v) in enumerate(
        zip(gradient(0.01, 1.02), ((1e-4, 0.0), (0.0, 1e-4)), strict=True)
    ):
        up, down = (np.sum(draw(0.01 + s * v[0], 1.02 + s * v[1], eps)) for s in (1.0, -1.0))
        assert found == pytest.approx((up - down) / 2e-4, rel=1e-5), k


SQUARES = {  # E[x**2] in closed form, and its parameters (SEEDS B11)
    "Exponential": lambda rate: 2.0 / rate**2,
    "Laplace": lambda loc, scale: loc**2 + 2.0 * scale**2,
    "Normal": lambda loc, scale: loc**2 + scale**2,
    "LogNormal": lambda loc, scale: np.exp(2.0 * loc + 2.0 * scale**2),
    "InverseGamma": lambda a, b: b**2 / ((a - 1.0) * (a - 2.0)),
    "Gamma": lambda a, b: a * (a + 1.0) / b**2,
    "Beta": lambda a, b: a * (a + 1.0) / ((a + b) * (a + b + 1.0)),
    "StudentT": lambda df, loc, scale: loc**2 + scale**2 * df / (df - 2.0),
}


@pytest.mark.parametrize("name", SQUARES)
def test_derivatives_of_the_mean_square(name: str) -> None:
    case = CASES[name]
    make, closed = case.make, SQUARES[name]
    parameters = (9.5, 0.4, 1.7) if name == "StudentT" else case.parameters

    def mean_square(theta, eps, w):
        return np.sum(w * make(*theta).from_noise(eps) ** 2)

    eps, w = noise_grid(case.dist())
    expected = srcdiff.grad(lambda theta: closed(*theta), jit=False)(parameters)
    by_path = srcdiff.grad(mean_square, jit=False)(parameters, eps, w)
    np.testing.assert_allclose(by_path, expected, rtol=2e-6)


def test_path_derivatives_of_vectors() -> None:
    """With the same noise, against differences: in NumPy and compiled."""
    rng = np.random.default_rng(0)
    L = np.linalg.cholesky(COVARIANCE)
    eps, pairs, u = rng.normal(size=(5, 2)), rng.normal(size=(5, 3)), rng.random((5, 3))
    weights = rng.random((5, 3, 2))

    def total(loc, L, a):
        x = D.MultivariateNormal(loc, scale_tril=L).from_noise(eps)
        y = D.MultivariateNormal(loc, precision_matrix=L @ L.T).from_noise(eps)
        z = D.LowRankMultivariateNormal(loc, L[:, :1], a[:2]).from_noise(pairs)
        t = D.MultivariateStudentT(a[2], loc, L).from_noise(u)
        p = D.Dirichlet(a).from_noise(weights)
        q = D.Normal(loc, a[:2]).to_event(1).from_noise(eps)
        return np.sum(np.sin(x) + np.cos(y) + z**2 + np.sin(t) + p[:, :2] ** 2 + q**3)

    args = np.array([0.3, -0.2]), L, np.array([0.7, 1.2, 3.4])
    gradient = srcdiff.grad(total, argnums=(0, 1, 2), jit=False)(*args)
    for k, g in enumerate(gradient):
        v = rng.normal(size=g.shape)
        v = np.tril(v) if k == 1 else v
        ends = [[a + s * v if j == k else a for j, a in enumerate(args)] for s in (1e-6, -1e-6)]
        np.testing.assert_allclose(
            np.sum(g * v), (total(*ends[0]) - total(*ends[1])) / 2e-6, rtol=1e-6
        )


def test_compiled_paths() -> None:
    eps = np.array([1e-12, 0.1, 0.45, 0.9, 1.0 - 1e-12])

    def total(a, b, eps):
        draws = np.sin(D.Gamma(a, b).from_noise(eps)) + D.Beta(a, b).from_noise(eps) ** 2
        return np.sum(draws + np.sin(D.StudentT(b, a).from_noise(eps)))

    expected = srcdiff.grad(total, argnums=(0, 1), jit=False)(1.3, 2.1, eps)
    np.testing.assert_allclose(
        srcdiff.grad(total, argnums=(0, 1), jit=True)(1.3, 2.1, eps), expected, rtol=1e-10
    )


def test_quantiles_move_as_many_digits_say() -> None:
    """Against mpmath's derivatives of the incomplete functions (the last column), and differences of SciPy's."""
    gamma = np.array([
        [0.01, 1.5035936235e-05, 0.015854423025492483], [0.1, 0.26615454832, 3.766325211737767],
        [2.5, 4.6181784526, 1.4299107264993551], [10.0, 14.2059902925, 1.2056909546645532],
    ])  # fmt: skip
    for a, x, slope in gamma:
        by_difference = _quantile_slope(lambda a, x: special.gammainc(a, x), a, x)
        path = gamma_path(a, x, special.digamma(a + 1.0))
        np.testing.assert_allclose(path, slope, rtol=1e-7)  # as many digits as `x` has
        np.testing.assert_allclose(path, by_difference, rtol=1e-6)
    for a, b, x in [
        (0.5, 3.0, 0.01),
        (0.5, 3.0, 0.4),
        (3.0, 0.5, 0.9),
        (50.0, 20.0, 0.7),
        (50.0, 20.0, 0.8),
    ]:
        by_difference = _quantile_slope(lambda a, x, b=b: special.betainc(a, b, x), a, x)
        path = beta_path(a, b, x, special.digamma(a + 1.0), special.digamma(a + b))
        np.testing.assert_allclose(path, by_difference, rtol=1e-6)


def _quantile_slope(f: Any, a: float, x: float) -> float:
    h, k = 1e-5 * a, 1e-5 * x * (1.0 - x if x < 1.0 else 1.0)
    by_a = (f(a + h, x) - f(a - h, x)) / (2.0 * h)
    return float(-by_a / ((f(a, x + k) - f(a, x - k)) / (2.0 * k)))


def test_the_table_of_the_seed() -> None:
    """Rows of SEEDS B11 with their corrections: what noise becomes."""
    e = np.array([0.2, 0.5, 0.9])
    np.testing.assert_allclose(D.Exponential(2.0).from_noise(e), -np.log(e) / 2.0)
    np.testing.assert_allclose(
        D.Cauchy(1.0, 2.0).from_noise(e), 1.0 + 2.0 * np.tan(np.pi * (e - 0.5))
    )
    half = e - 0.5  # on (-1/2, 1/2): on (0, 1) half of the draws would be NaN
    laplace = 1.0 - 2.0 * np.sign(half) * np.log(1.0 - 2.0 * np.abs(half))
    np.testing.assert_allclose(D.Laplace(1.0, 2.0).from_noise(e), laplace)
    n = np.array([-1.0, 0.3])
    R = np.linalg.cholesky(COVARIANCE)
    np.testing.assert_allclose(D.MultivariateNormal(n, COVARIANCE).from_noise(n), n + R @ n)
    np.testing.assert_allclose(D.LogNormal(1.0, 2.0).from_noise(n), np.exp(1.0 + 2.0 * n))
    gamma = special.gammainccinv(3.0, e)
    np.testing.assert_allclose(D.InverseGamma(3.0, 2.0).from_noise(e), 2.0 / gamma)


@pytest.mark.parametrize(
    "d", [D.Rademacher(), D.Bernoulli(0.3), D.Poisson(2.0), D.VonMises(0.0, 1.0)], ids=repr
)
def test_no_path(d: Any) -> None:
    message = f"draws from {type(d).__name__} have no derivative with respect to its parameters"
    with pytest.raises(TypeError, match=message):
        d.from_noise(0.3)
    with pytest.raises(TypeError, match=message):
        d.draw_noise(np.random.default_rng(0))


def test_no_path_in_what_is_differentiated() -> None:
    with pytest.raises(srcdiff.UnsupportedError, match="Rademacher have no derivative") as caught:
        srcdiff.grad(lambda p: D.Rademacher(p).from_noise(0.3) ** 2)(0.4)
    assert caught.value.file == __file__


def test_second_derivatives_of_paths_are_refused() -> None:
    def total(a):
        return np.sum(D.Gamma(a, 1.0).from_noise(np.array([0.3, 0.6])))

    with pytest.raises(srcdiff.UnsupportedError, match="gamma_path"):
        srcdiff.grad(srcdiff.grad(total, jit=False), jit=False)(1.3)


def test_same_seed_same_draws() -> None:
    for name in ("Normal", "Gamma", "Dirichlet", "LKJCholesky", "MixtureSameFamily"):
        d = CASES[name].dist()
        first, second = (d.sample(np.random.default_rng(7), (3,)) for _ in range(2))
        np.testing.assert_array_equal(first, second)


def test_small_weights_of_a_dirichlet() -> None:
    d = D.Dirichlet(np.full(3, 1e-3))
    draws = d.from_noise(d.draw_noise(np.random.default_rng(0), (200,)))
    assert (
        np.isfinite(draws).all() and np.isfinite(d.sample(np.random.default_rng(0), (200,))).all()
    )


def test_distributions_are_pickled() -> None:
    d = pickle.loads(pickle.dumps(D.Normal(np.zeros(2), 1.0).to_event()))
    assert d.event_shape == (2,) and repr(d.base_dist) == "Normal(loc=array([0., 0.]), scale=1.0)"


QUANTILES = """
import sys
import numpy as np
import srcdiff
from scipy import special
if sys.argv[1] == "with":
    import srcdiff.vi.dist

def total(a, b, y):
    return np.sum(special.gammaincinv(a, y) * special.gammainccinv(a, y) * special.betaincinv(a, b, y)
                  + special.stdtrit(b, y))

args = 1.5, 2.5, np.array([0.2, 0.5, 0.9])
grad = srcdiff.grad(total, argnums=2, jit=False)
print(grad.source_for(*args), grad(*args), srcdiff.hessian(total, argnums=2, jit=False)(*args))
"""


@pytest.mark.long
def test_programs_that_go_without_these_rules_are_what_they_were(tmp_path) -> None:
    """The rules hold in the whole process: they add derivatives, and change none."""
    file = tmp_path / "quantiles.py"
    file.write_text(QUANTILES)
    texts = [
        subprocess.run(
            [sys.executable, str(file), how], capture_output=True, text=True, check=True,
            env={**os.environ, "SRCDIFF_CACHE": str(tmp_path / how)},
        ).stdout
        for how in ("with", "without")
    ]  # fmt: skip
    assert "def total_grad" in texts[0]
    assert texts[0] == texts[1]
