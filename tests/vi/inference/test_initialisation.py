"""Default initialisation of fits: posteriors that are far away, tight, wide, and in different units."""

import numpy as np
import pytest
from scipy import special

import srcdiff
from srcdiff import vi
from srcdiff.vi import dist
from srcdiff.vi.inference.stopping_rules import still_rises

RNG = np.random.default_rng(1)
Y = 500.0 + 20.0 * RNG.normal(size=30)
QUIET = {"rng": 0, "jit": False, "progress": False}


def level(y):
    mu = vi.sample("mu", dist.Normal(0.0, 1000.0))
    vi.sample("y", dist.Normal(mu, 20.0), obs=y)


@pytest.mark.parametrize("guide", [vi.MeanField(), vi.FullRank(), vi.LowRank(1)])
def test_a_posterior_that_is_far_away(guide) -> None:
    precision = 1e-6 + 30 / 400.0
    fit = vi.fit(level, guide, Y, steps=800, draws=4, **QUIET)
    sd = precision**-0.5
    assert fit.mean["mu"] == pytest.approx(Y.sum() / 400.0 / precision, abs=0.1 * sd)
    assert fit.sd["mu"] == pytest.approx(sd, rel=0.06)
    assert fit.khat < 0.5


def test_by_batches() -> None:
    y = 500.0 + 20.0 * np.random.default_rng(2).normal(size=2000)
    fit = vi.fit(level, vi.MeanField(), y, steps=1500, batch_size=300, **QUIET)
    sd = 20.0 / 2000**0.5
    assert fit.mean["mu"] == pytest.approx(np.mean(y), abs=0.3 * sd)
    assert fit.sd["mu"] == pytest.approx(sd, rel=0.1)


def regression(X, y):
    w = vi.sample("w", dist.Normal(np.zeros(4), 100.0))
    vi.sample("y", dist.Normal(X @ w, 1.0), obs=y)


@pytest.mark.long
def test_units_do_not_matter() -> None:
    """Coefficients of sd 10, 0.1, 0.0003 and 0.1, whose exact mean-field optimum is known."""
    X = RNG.normal(size=(100, 4)) * np.array([1e-2, 1.0, 100.0, 1.0]) + np.array([0.0, 0.0, 300.0, 0.0])  # fmt: skip
    y = X @ np.array([30.0, 1.0, -0.02, 2.0]) + RNG.normal(size=100)
    precision = X.T @ X + np.eye(4) / 1e4
    cov = np.linalg.inv(precision)
    for guide, sd in (
        (vi.MeanField(), np.diag(precision) ** -0.5),
        (vi.FullRank(), np.diag(cov) ** 0.5),
    ):
        fit = vi.fit(regression, guide, X, y, steps=1500, draws=4, **QUIET)
        np.testing.assert_allclose(fit.sd["w"], sd, rtol=0.06)
        assert np.all(np.abs(fit.mean["w"] - cov @ X.T @ y) < 0.15 * np.diag(cov) ** 0.5)


@pytest.mark.long
@pytest.mark.parametrize("estimator", ["auto", "path-without-score", "score-running"])
def test_correlations_do_not_matter(estimator) -> None:
    """Coefficients of similar columns: standard deviations ended a sixth low, by the score two fifths."""

    def regression(X, y):
        w = vi.sample("w", dist.Normal(np.zeros(5), 5.0))
        vi.sample("y", dist.Normal(X @ w, 1.0), obs=y)

    rng = np.random.default_rng(0)
    X = 0.97**0.5 * rng.normal(size=(80, 1)) + 0.03**0.5 * rng.normal(size=(80, 5))
    y = X @ np.array([1.0, -1.0, 0.5, 2.0, 0.0]) + rng.normal(size=80)
    cov = np.linalg.inv(X.T @ X + np.eye(5) / 25.0)
    fit = vi.fit(regression, vi.FullRank(), X, y, draws=4, estimator=estimator, **QUIET)
    np.testing.assert_allclose(fit.cov, cov, atol=0.1 * np.max(cov))
    np.testing.assert_allclose(fit.sd["w"], np.diag(cov) ** 0.5, rtol=0.1)


def test_a_rate_that_is_known_to_a_thousandth() -> None:
    counts = RNG.poisson(3000.0, size=50)

    def rates(counts):
        rate = vi.sample("rate", dist.Gamma(1.0, 1e-3))
        vi.sample("counts", dist.Poisson(rate), obs=counts)

    fit = vi.fit(rates, vi.MeanField(), counts, steps=800, draws=4, **QUIET)
    shape, scale = 1.0 + counts.sum(), 50.001
    assert fit.mean["rate"] == pytest.approx(shape / scale, rel=3e-4)
    assert fit.sd["rate"] == pytest.approx(shape**0.5 / scale, rel=0.06)


def test_parameters_of_the_model_go_along() -> None:
    """The prior mean that makes the evidence greatest is the mean of the data."""

    def shifted(y):
        mu = vi.sample("mu", dist.Normal(vi.param("m", 0.0), 10.0))
        vi.sample("y", dist.Normal(mu, 20.0), obs=y)

    fit = vi.fit(shifted, vi.LowRank(1), Y, steps=800, draws=4, **QUIET)
    assert fit.values["m"] == pytest.approx(np.mean(Y), abs=1.0)


def of_three(X, y):
    w = vi.sample("w", dist.Normal(np.zeros(3), 2.0))
    vi.sample("y", dist.Normal(X @ w, 1.0), obs=y)


@pytest.mark.parametrize(("rows", "off"), [(10**4, 0.3), (10**5, 5.0)])
def test_small_batches_of_many_rows(rows, off) -> None:
    """The first batch's optimum is many standard deviations away from that of all rows, and so are steps long."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 3))
    y = X @ np.array([1.0, -2.0, 0.5]) + rng.normal(size=rows)
    precision = X.T @ X + np.eye(3) / 4.0
    exact, sd = np.linalg.solve(precision, X.T @ y), np.diag(precision) ** -0.5
    fit = vi.fit(of_three, vi.MeanField(), X, y, batch_size=100, steps=600, **QUIET)
    np.testing.assert_array_less(np.abs(fit.mean["w"] - exact) / sd, off)
    np.testing.assert_array_less(np.abs(np.log(fit.sd["w"] / sd)), 0.8)


def test_who_gives_an_optimiser_or_parameters_is_left_alone() -> None:
    begun = vi.elbo(level, vi.MeanField(), jit=False).init(Y)
    steps = []
    for given in ({"optimizer": vi.optim.Adam(0.01)}, {"init": begun}):
        vi.fit(level, vi.MeanField(), Y, steps=1, **given, callbacks=[steps.append], **QUIET)
    assert all(np.abs(step.params.loc - begun.loc) < 0.2 for step in steps)


def test_a_fit_that_was_ended_too_early_says_so() -> None:
    fit = vi.fit(level, vi.MeanField(), Y, steps=300, optimizer=vi.optim.Adam(0.1), **QUIET)
    assert fit.stopped == "all 300 steps are done, while the bound still rose"
    assert "still rose" in repr(fit)
    assert fit.khat > 0.7
    assert not still_rises(RNG.normal(size=1000))
    assert still_rises(0.01 * np.arange(1000) + RNG.normal(size=1000)) is True
    assert not still_rises(np.arange(50.0))


@pytest.mark.parametrize("guide", [vi.MeanField(), vi.FullRank()])
@pytest.mark.parametrize(
    ("estimator", "near"), [("path-without-score", 1e-3), ("iwae", 0.15), ("score-running", 0.1)]
)
def test_every_estimator_begins_near_the_optimum(guide, estimator, near) -> None:
    fit = vi.fit(level, guide, Y, estimator=estimator, draws=5, steps=400, **QUIET)
    precision = 1e-6 + 30 / 400.0
    sd = precision**-0.5
    assert fit.mean["mu"] == pytest.approx(Y.sum() / 400.0 / precision, abs=near * sd)
    assert fit.sd["mu"] == pytest.approx(sd, rel=2.0 * near)


def test_a_model_without_derivative_begins_where_it_is() -> None:
    def model(y):
        mu = vi.sample("mu", dist.Normal(0.0, 2.0))
        vi.sample("y", dist.Normal(mu + 0.0 * special.jv(mu, 1.5), 1.0), obs=y)

    with pytest.raises(srcdiff.DifferentiationError):
        vi.fit(model, vi.MeanField(), Y[:3] - 500.0, steps=3, **QUIET)
    fit = vi.fit(model, vi.MeanField(), Y[:3] - 500.0, estimator="score", steps=3, **QUIET)
    assert np.isfinite(fit.mean["mu"])


positive = vi.constraints.positive


def counted(n, exposure):
    rate = vi.sample("rate", dist.Gamma(2.0, 1.0))
    vi.sample("n", dist.Poisson(rate * exposure), obs=n)


def gamma_guide(n, exposure):
    shape = vi.param("shape", 1.0, constraint=positive)
    vi.sample("rate", dist.Gamma(shape, vi.param("inverse", 1.0, constraint=positive)))


@pytest.mark.parametrize("estimator", ["path", "path-without-score", "score-running"])
@pytest.mark.parametrize("seen", [(98.0, 49.0), (5.0, 1e4), (1000.0, 1.0)])
def test_shape_and_rate_lie_on_a_ridge(seen, estimator) -> None:
    """The posterior is Gamma(2 + n, 1 + exposure): by coordinates alone, fits ended up to 40 nats below."""
    n, exposure = seen
    fit = vi.fit(counted, gamma_guide, n, exposure, estimator=estimator, **QUIET)
    a, b, shape, rate = fit.values["shape"], fit.values["inverse"], 2.0 + n, 1.0 + exposure
    divergence = (a - shape) * special.digamma(a) - special.gammaln(a) + special.gammaln(shape)
    divergence += shape * np.log(b / rate) + a * (rate - b) / b
    assert divergence < 0.005


def test_draws_that_are_fitted_too_closely_are_seen() -> None:
    """Along what none of the draws has, a scale of a normal distribution of 40 numbers would grow for ever."""

    def many(y):
        w = vi.sample("w", dist.Normal(np.zeros(40), 1.0))
        vi.sample("y", dist.Normal(w, 1.0), obs=y)

    def whole(y):
        L = vi.param("L", np.eye(40), constraint=vi.constraints.lower_cholesky)
        vi.sample("w", dist.MultivariateNormal(vi.param("loc", np.zeros(40)), scale_tril=L))

    fit = vi.fit(many, whole, np.ones(40), steps=300, draws=4, **QUIET)
    np.testing.assert_allclose(fit.sd["w"], 0.5**0.5, rtol=0.25)
    assert min(fit.bounds) > -120.0  # log p(y) is -60.6


def test_choices_that_take_the_score_function_by_name() -> None:
    """There is no path to begin near the optimum by: that was an error."""

    def switched(x):
        k = vi.sample("k", dist.Bernoulli(0.3))
        vi.sample("x", dist.Normal(2.0 * k, 1.0), obs=x)

    def choice(x):
        p = vi.param("p", 0.5, constraint=vi.constraints.unit_interval)
        vi.sample("k", dist.Bernoulli(p))

    exact = special.expit(np.log(0.3 / 0.7) + 2.0 * 1.5 - 2.0)
    for estimator in ("score-running", {"k": "score"}):
        fit = vi.fit(switched, choice, 1.5, estimator=estimator, **QUIET)
        assert fit.values["p"] == pytest.approx(exact, abs=0.02)
