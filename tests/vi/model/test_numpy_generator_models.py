"""Plain NumPy code that draws from a generator is a model."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import srcdiff
from srcdiff import UnsupportedError, vi

POINTS = json.loads((Path(__file__).parents[1] / "log_joint_points.json").read_text())


def eight_schools(rng, sigma):
    mu = rng.normal(0.0, 5.0)
    tau = np.abs(5.0 * rng.standard_cauchy())
    theta_trans = rng.normal(size=len(sigma))
    y = rng.normal(mu + tau * theta_trans, sigma)
    return theta_trans, y


def logistic(rng, X, prior_sd):
    beta = rng.normal(0.0, prior_sd, size=X.shape[1])
    y = rng.binomial(1, 1.0 / (1.0 + np.exp(-X @ beta)))
    return beta, y


def normal_gamma(rng, prior_sd_mu, a, b, N):
    mu = rng.normal(0.0, prior_sd_mu)
    gamma = rng.gamma(a, 1.0 / b)
    x = np.empty(N)
    for n in range(N):
        x[n] = mu + rng.normal() / np.sqrt(gamma)
    return x


CASES = [
    (eight_schools, "y", ("sigma",)),
    (logistic, "y", ("X", "prior_sd")),
    (normal_gamma, "x", ("prior_sd_mu", "a", "b", "N")),
]


def floats(value):
    return np.asarray(value, float) if np.ndim(value) else value


@pytest.mark.parametrize(("model", "observed", "names"), CASES)
def test_log_joints_of_the_reference_posteriors(model, observed, names) -> None:
    reference = POINTS[model.__name__]
    data = [floats(reference["data"][name]) for name in names]
    joint = vi.log_joint(model, jit=False)
    for point in reference["points"]:
        at = {name: floats(value) for name, value in point["at"].items()}
        at[observed] = floats(reference["data"][observed])
        assert joint(at, *data) == pytest.approx(point["log_joint"], abs=1e-9)


def test_the_model_runs_as_it_is() -> None:
    assert eight_schools(np.random.default_rng(0), np.ones(8))[1].shape == (8,)


def test_sites_are_called_after_the_names_that_draws_are_assigned_to() -> None:
    mu, tau, theta, y = vi.sites(eight_schools, np.ones(8))
    assert [s.name for s in (mu, tau, theta, y)] == ["mu", "tau", "theta_trans", "y"]
    assert (tau.support.name, theta.shape, mu.support.name) == ("positive", (8,), "real")


def around_draws(rng, s):
    a = 1.0 + 2.0 * rng.normal(0.5, 1.0)
    b = np.exp(rng.normal() / s)
    c = -(rng.exponential(2.0) - a)
    d = np.abs(rng.normal(0.3, 1.0))
    e = np.log(rng.gamma(2.0, 1.5))
    k = rng.choice(3, p=np.array([0.2, 0.3, 0.5]))
    return a + b + c + d + e + k


@pytest.mark.long
def test_densities_of_expressions_around_draws() -> None:
    """By the densities of the same variables in SciPy."""
    s = 1.7
    at = {"a": 0.4, "b": 1.3, "c": -0.6, "d": 0.8, "e": 0.2, "k": 2}
    expected = stats.norm.logpdf(0.4, 2.0, 2.0)
    expected += stats.lognorm.logpdf(1.3, 1.0 / s)
    expected += stats.expon.logpdf(0.4 + 0.6, scale=2.0)
    expected += stats.foldnorm.logpdf(0.8, 0.3)
    expected += stats.loggamma.logpdf(0.2, 2.0, loc=np.log(1.5))
    expected += np.log(0.5)
    joint = vi.log_joint(around_draws, jit=False)
    assert joint(at, s) == pytest.approx(expected, abs=1e-12)
    srcdiff.check_grads(lambda a, b: joint({**at, "a": a, "b": b}, s), 0.4, 1.3)


def unnamed(rng, x):
    return x + np.sum(rng.normal(size=3))


def squared(rng, x):
    y = rng.normal() ** 2
    return 2.0 * y


def from_array(rng, x):
    y = rng.choice(np.array([1.0, 2.0]))
    return 2.0 * y


def shifted(rng, x):
    y = np.abs(1.0 + rng.normal())
    return 2.0 * y


def too_few(rng, x):
    y = x + rng.normal()
    return 2.0 * y


REFUSED = [
    (unnamed, {}, "what is drawn here has no name", 1),
    (squared, {"y": 0.3}, "this cannot be undone for the value of the draw", 1),
    (from_array, {"y": 1.0}, "has no name for what was chosen", 1),
    (shifted, {"y": 1.0}, "the absolute value of a shifted draw cannot be undone", 1),
    (too_few, {"y": np.ones(4)}, "the value of `y` has shape (4,), and the draw ()", 1),
    (squared, {}, "there is no value for the site 'y'", 1),
    (squared, {"y": 0.3, "w": 0.1}, "this cannot be undone", 1),
]


@pytest.mark.parametrize(("model", "values", "message", "line"), REFUSED)
def test_what_has_no_density_is_refused_at_its_line(model, values, message, line) -> None:
    with pytest.raises(UnsupportedError) as error:
        vi.log_joint(model, jit=False)(values, np.ones(4))
    assert message in str(error.value)
    assert error.value.line == model.__code__.co_firstlineno + line


# ---- choices without a value are summed out ------------------------------------------------------------------------


def clusters(rng, n):
    p = rng.dirichlet(np.ones(2))
    mu = rng.normal(0.0, 3.0, size=2)
    x = np.empty(n)
    for i in range(n):
        k = rng.choice(2, p=p)
        x[i] = rng.normal(mu[k], 1.0)
    return p, x


def change(rng, n):
    rates = rng.gamma(2.0, 1.0, size=2)
    begins = rng.integers(1, n)
    y = rng.poisson(np.where(np.arange(n) < begins, rates[0], rates[1]))
    return begins, y


def hidden_markov(rng, start, A, T):
    mu = rng.normal(0.0, 3.0, size=2)
    first = rng.choice(2, p=start)
    y = np.empty(T)
    z = first
    for t in range(T):
        z = rng.choice(2, p=A[z])
        y[t] = rng.normal(mu[z], 1.0)
    return y


def outliers(rng, w, x):
    b = rng.normal(0.0, 2.0)
    y = np.zeros(len(x))
    for i in range(len(x)):
        wild = rng.binomial(1, w)
        y[i] = b * x[i] + (1.0 + 9.0 * wild) * rng.normal()
    return y


def of_clusters(p, mu, x, n):
    weights = np.log(p) + stats.norm.logpdf(x[:, None], mu, 1.0)
    prior = np.sum(stats.norm.logpdf(mu, 0.0, 3.0))  # p is uniform
    return prior + np.sum(logsumexp(weights, axis=1))


def of_change(rates, y, n):
    early = np.arange(n) < np.arange(1, n)[:, None]
    each = stats.poisson.logpmf(y, np.where(early, *rates)).sum(axis=1) - np.log(n - 1)
    return np.sum(stats.gamma.logpdf(rates, 2.0)) + logsumexp(each)


def of_hidden_markov(mu, y, start, A, T):
    found = []
    for path in itertools.product(range(2), repeat=T + 1):
        steps = [np.log(A[a, b]) for a, b in itertools.pairwise(path)]
        seen = stats.norm.logpdf(y, mu[list(path[1:])], 1.0)
        found.append(np.log(start[path[0]]) + np.sum(steps) + np.sum(seen))
    return np.sum(stats.norm.logpdf(mu, 0.0, 3.0)) + logsumexp(found)


def of_outliers(b, y, w, x):
    each = [np.log(q) + stats.norm.logpdf(y, b * x, s) for q, s in ((1.0 - w, 1.0), (w, 10.0))]
    return stats.norm.logpdf(b, 0.0, 2.0) + np.sum(np.logaddexp(*each))


SEEN = np.array([0.3, -1.2, 2.5, 2.9])
SUMMED = [
    (clusters, of_clusters, {"p": np.array([0.3, 0.7]), "mu": np.array([-0.5, 2.0]), "x": SEEN}, (4,)),
    (change, of_change, {"rates": np.array([0.7, 3.1]), "y": np.array([0, 1, 4, 2])}, (4,)),
    (
        hidden_markov, of_hidden_markov, {"mu": np.array([-0.5, 2.0]), "y": SEEN},
        (np.array([0.4, 0.6]), np.array([[0.9, 0.1], [0.2, 0.8]]), 4),
    ),
    (outliers, of_outliers, {"b": 0.6, "y": SEEN}, (0.1, np.array([1.0, -0.5, 3.0, 0.4]))),
]  # fmt: skip


@pytest.mark.parametrize(("model", "exact", "at", "data"), SUMMED)
def test_choices_without_a_value_are_summed_out(model, exact, at, data) -> None:
    """What draws are stored in to be returned is no obstacle; `exact` is by enumeration."""
    joint = vi.log_joint(model, [*at], jit=False)
    assert joint(*at.values(), *data) == pytest.approx(exact(*at.values(), *data), rel=1e-12)
    first, *rest = at.values()
    gradient = srcdiff.grad(joint, jit=False)(first, *rest, *data)
    for place in np.ndindex(np.shape(first)):
        h = np.zeros(np.shape(first))
        h[place] = 1e-6
        ends = [exact((first + e)[()], *rest, *data) for e in (h, -h)]
        assert np.asarray(gradient)[place] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6)


@pytest.mark.long
def test_a_fit_sums_choices_out() -> None:
    rng = np.random.default_rng(0)
    x = np.append(rng.normal(-3.0, 1.0, 30), rng.normal(3.0, 1.0, 70))
    model = vi.observing(clusters, ["x"], len(x))
    start = {"p": np.array([0.5, 0.5]), "mu": np.array([-1.0, 1.0])}
    fit = vi.fit(
        model, vi.MeanField(), x, len(x), steps=300, rng=0, init=start, jit=False, progress=False
    )
    np.testing.assert_allclose(fit.mean["p"], [0.3, 0.7], atol=0.03)
    np.testing.assert_allclose(fit.mean["mu"], [x[:30].mean(), x[30:].mean()], atol=0.1)


def several(rng, n):
    k = rng.choice(2, size=n, p=np.array([0.3, 0.7]))
    x = rng.normal(1.0 * k, 1.0)
    return k, x


def unknown(rng, n):
    x = 1.0 + rng.pareto(2.0, size=n)
    return n, x


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (several, "several choices at once have no values"),
        (unknown, "`pareto` of a generator is no draw that vi has a density for"),
    ],
)
def test_draws_that_are_refused_at_their_line(model, message) -> None:
    with pytest.raises(UnsupportedError, match=message) as error:
        vi.log_joint(model, ["x"], jit=False)(SEEN, 4)
    assert error.value.line == model.__code__.co_firstlineno + 1


def more_draws(rng):
    a = rng.rayleigh(1.3)
    b = rng.power(2.5)
    c = rng.negative_binomial(3.5, 0.4)
    d = rng.multinomial(5, np.array([0.2, 0.3, 0.5]))
    return a + b + c + d


def test_more_draws() -> None:
    at = {"a": 0.7, "b": 0.4, "c": 6, "d": np.array([1, 2, 2])}
    expected = stats.rayleigh.logpdf(0.7, scale=1.3) + stats.powerlaw.logpdf(0.4, 2.5)
    expected += stats.nbinom.logpmf(6, 3.5, 0.4)
    expected += stats.multinomial.logpmf([1, 2, 2], 5, [0.2, 0.3, 0.5])
    assert vi.log_joint(more_draws, jit=False)(at) == pytest.approx(expected, rel=1e-12)


# ---- fits and draws ------------------------------------------------------------------------------------------------


def two_levels(rng, x):
    slope = 2.0 * rng.normal()
    level = 1.0 + rng.normal(0.0, 3.0)
    y = level + slope * x + 0.5 * rng.standard_normal(len(x))
    return level, y


def test_a_model_that_draws_is_fitted_and_predicts() -> None:
    """Against the conjugate posterior; what is drawn again has the posterior's moments."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=12)
    y = 0.3 - 1.2 * x + 0.5 * rng.normal(size=12)
    model = vi.observing(two_levels, ["y"], x)
    fit = vi.fit(
        model, vi.FullRank(), y, x, estimator="path-without-score", steps=800, rng=0, jit=False
    )
    design = np.column_stack([x, np.ones(12)])
    precision = design.T @ design / 0.25 + np.diag([1.0 / 4.0, 1.0 / 9.0])
    mean = np.linalg.solve(precision, design.T @ y / 0.25 + np.array([0.0, 1.0 / 9.0]))
    assert [fit.mean["slope"], fit.mean["level"]] == pytest.approx(mean, abs=0.01)
    np.testing.assert_allclose(fit.cov, np.linalg.inv(precision), atol=2e-3)
    again = vi.predictive(two_levels, fit)
    level, drawn = again(np.random.default_rng(0), x, draws=2000)
    assert (level.shape, drawn.shape) == ((2000,), (2000, 12))
    assert level.mean() == pytest.approx(mean[1], abs=0.02)
    np.testing.assert_allclose(drawn.mean(axis=0), design @ mean, atol=0.06)
    assert "y = level + slope * x + 0.5 * rng.standard_normal(len(x))" in again.source
    assert "y - (level + slope * x)" in fit.elbo.source


def test_what_cannot_be_observed() -> None:
    with pytest.raises(ValueError, match="two_levels draws no 'z'; it draws 'slope', 'level', 'y'"):
        vi.observing(two_levels, ["z"], np.ones(3))
    with pytest.raises(ValueError, match="no parameter that is a generator"):
        vi.observing(lambda x: x, ["z"], np.ones(3))
