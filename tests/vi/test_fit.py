"""Fits against the reference posteriors, and what a fit promises: batches, resuming, stopping, what is no number."""

import json
import runpy
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from srcdiff import vi
from srcdiff.vi import dist
from srcdiff.vi.guides.automatic import MeanFieldParams
from srcdiff.vi.inference.minibatches import Batches

FOLDER = Path(__file__).parents[1] / "reference"
LINREG = json.loads((FOLDER / "variational.json").read_text())["linreg"]
X, Y = np.array(LINREG["x"]), np.array(LINREG["y"])


def reference(name):
    return json.loads((FOLDER / f"{name}.json").read_text())


def regression(x, y):
    w0 = vi.sample("w0", dist.Normal(0.0, 1.0))
    w1 = vi.sample("w1", dist.Normal(0.0, 1.0))
    vi.sample("y", dist.Normal(w0 + w1 * x, 1.0), obs=y)


def thermometer(sensor):
    temp = vi.sample("temp", dist.Normal(15.0, 2.0))
    vi.sample("sensor", dist.Normal(temp, 1.0), obs=sensor)


def logistic(X, y, prior_sd):
    beta = vi.sample("beta", dist.Normal(np.zeros(X.shape[1]), prior_sd))
    vi.sample("y", dist.Bernoulli(logits=X @ beta), obs=y)


def eight_schools(y, sigma):
    mu = vi.sample("mu", dist.Normal(0.0, 5.0))
    tau = vi.sample("tau", dist.HalfCauchy(5.0))
    with vi.plate("schools", len(y)):
        theta_trans = vi.sample("theta_trans", dist.Normal(0.0, 1.0))
        vi.sample("y", dist.Normal(mu + tau * theta_trans, sigma), obs=y)


def normal_gamma(x):
    mu = vi.sample("mu", dist.Normal(0.0, 10.0))
    gamma = vi.sample("gamma", dist.Gamma(2.0, 1.0))
    vi.sample("x", dist.Normal(mu, 1.0 / np.sqrt(gamma)), obs=x)


SCHOOLS = tuple(np.array(reference("eight_schools")["data"][k], float) for k in ("y", "sigma"))
LBFGS = vi.optim.LBFGS(draws=256)
FIXED = {"optimizer": LBFGS, "estimator": "quasi-random", "rng": 0, "jit": False, "progress": False}


# ---- reference posteriors ----------------------------------------------------------


def test_thermometer() -> None:
    fit = vi.fit(thermometer, vi.MeanField(), 18.0, **{**FIXED, "optimizer": vi.optim.LBFGS(2048)})
    assert fit.mean["temp"] == pytest.approx(17.4, abs=1e-3)
    assert fit.sd["temp"] == pytest.approx(0.8944271909999159, abs=1e-3)
    fit = vi.fit(thermometer, vi.MeanField(), 18.0, steps=2500, rng=0, jit=False, draws=8)
    assert fit.mean["temp"] == pytest.approx(17.4, abs=0.02)
    assert fit.bound(1000, np.random.default_rng(0))[0] == pytest.approx(-2.6236574, abs=1e-3)


@pytest.mark.long
def test_linear_regression_by_both_estimators() -> None:
    for estimator, draws in (("path", 2), ("path-without-score", 2), ("score-running", 20)):
        fit = vi.fit(
            regression,
            vi.MeanField(),
            X,
            Y,
            steps=1500,
            rng=3,
            draws=draws,
            estimator=estimator,
            jit=False,
        )
        reached = dist.MultivariateNormal(fit.params.loc, fit.cov)
        posterior = dist.MultivariateNormal(
            *(np.array(LINREG[k]) for k in ("post_mean", "post_cov"))
        )
        assert LINREG["log_evidence"] - dist.kl(reached, posterior) > -34.02, estimator
        np.testing.assert_allclose(fit.mean["w1"], LINREG["meanfield_mean"][1], atol=0.02)


@pytest.mark.long
def test_mean_field_is_narrower_and_full_rank_is_exact() -> None:
    narrow = vi.fit(regression, vi.MeanField(), X, Y, **FIXED)
    np.testing.assert_allclose(
        [narrow.sd["w0"], narrow.sd["w1"]], LINREG["meanfield_sd"], rtol=0.01
    )
    full = vi.fit(regression, vi.FullRank(), X, Y, **FIXED)
    np.testing.assert_allclose(full.cov, LINREG["post_cov"], rtol=0.03)
    np.testing.assert_allclose(full.params.loc, LINREG["post_mean"], rtol=0.01)
    assert full.khat < 0.2 < narrow.khat
    rng = np.random.default_rng(1)
    assert full.evidence(4000, rng) == pytest.approx(LINREG["log_evidence"], abs=0.005)
    laplace = vi.fit(regression, vi.Laplace(), X, Y, jit=False)  # exact: the posterior is normal
    np.testing.assert_allclose(laplace.cov, LINREG["post_cov"], rtol=1e-9)
    assert laplace.khat < 0.2
    point = vi.fit(regression, vi.Delta(), X, Y, jit=False)
    np.testing.assert_allclose([*point.mean.values()], LINREG["post_mean"], rtol=1e-6)
    low = vi.fit(regression, vi.LowRank(1), X, Y, **FIXED)
    np.testing.assert_allclose(low.cov, LINREG["post_cov"], rtol=0.03)


def logistic_bound(loc, cov, X, y, prior_sd):
    """The bound of a normal guide: each row is a mean over one normal number."""
    points, weights = np.polynomial.hermite_e.hermegauss(60)
    sd = np.sqrt(np.einsum("ni,ij,nj->n", X, cov, X))
    logits = (X @ loc)[:, None] + sd[:, None] * points
    log_p = np.sum((y[:, None] * logits - np.logaddexp(0.0, logits)) @ weights) / np.sum(weights)
    prior = dist.MultivariateNormal(np.zeros(len(loc)), prior_sd**2 * np.eye(len(loc)))
    return log_p - dist.kl(dist.MultivariateNormal(loc, cov), prior)


@pytest.mark.long
def test_bayesian_logistic_regression() -> None:
    found = reference("logistic")
    data, best = found["data"], found["gaussian_vi_optimum"]
    args = np.array(data["X"]), np.array(data["y"], float), data["prior_sd"]
    for guide, key in ((vi.MeanField(), "mean_field"), (vi.FullRank(), "full_rank")):
        fit = vi.fit(logistic, guide, *args, **{**FIXED, "optimizer": vi.optim.LBFGS(512)})
        exact = best[key]
        bound, error = fit.bound(10000, np.random.default_rng(0))
        reached = logistic_bound(fit.params.loc, fit.cov, *args)
        assert bound == pytest.approx(reached, abs=4 * error)
        assert exact["elbo"] - 0.02 < reached < exact["elbo"] + 1e-7
        sd = np.array(exact["sd"])
        np.testing.assert_allclose(fit.sd["beta"], sd, rtol=0.02)
        np.testing.assert_allclose(fit.mean["beta"], exact["mean"], atol=0.05 * np.min(sd))


@pytest.mark.long
def test_eight_schools() -> None:
    found = reference("eight_schools")
    data = np.array(found["data"]["y"], float), np.array(found["data"]["sigma"], float)
    for guide, key in ((vi.MeanField(), "mean_field"), (vi.FullRank(), "full_rank")):
        reached = found["gaussian_guides_reached"]["reached"][key]
        fit = vi.fit(eight_schools, guide, *data, **{**FIXED, "optimizer": vi.optim.LBFGS(512)})
        bound, error = fit.bound(10000, np.random.default_rng(0))
        assert bound + 3 * error > reached["elbo"] - 0.05
        for site in ("mu", "tau"):
            exact = found["reference"][site]
            off = abs(reached["mean_error_in_sd"][site]) + 0.05
            assert abs(fit.mean[site] - exact["mean"]) < off * exact["sd"]


def test_normal_gamma() -> None:
    found = reference("normal_gamma")
    x = np.array(found["data"]["x"])
    fit = vi.fit(normal_gamma, vi.MeanField(), x, **FIXED)
    bound, error = fit.bound(10000, np.random.default_rng(0))
    assert (
        bound + 3 * error > found["gaussian_guides_reached"]["reached"]["mean_field"]["elbo"] - 0.02
    )
    assert bound - 3 * error < found["exact_quadrature"]["log_evidence"]
    assert fit.mean["gamma"] == pytest.approx(1.8779, abs=0.05 * 0.462)
    assert fit.sd["mu"] == pytest.approx(0.13745, rel=0.05)


# ---- batches ---------------------------------------------------------------------------


def test_the_mean_over_all_subsets_is_the_full_gradient() -> None:
    """T15, for a model whose data are a vector and for one that loops over them."""
    from itertools import combinations

    def looping(x, y):
        w0 = vi.sample("w0", dist.Normal(0.0, 1.0))
        w1 = vi.sample("w1", dist.Normal(0.0, 1.0))
        for i in range(len(x)):
            vi.sample("y", dist.Normal(w0 + w1 * x[i], 1.0), obs=y[i])

    x, y = X[:6], Y[:6]
    rng = np.random.default_rng(0)
    params = MeanFieldParams(rng.normal(size=2), rng.normal(size=2))
    for model in (regression, looping):
        elbo = vi.elbo(model, vi.MeanField(), jit=False)
        eps = rng.normal(size=(1, 2))
        value, grads = elbo.value_and_grad(params, eps, x, y)
        found, values = [], []
        for chosen in combinations(range(6), 4):
            rows = list(chosen)
            bound = elbo.bound(x[rows], y[rows], full=(x, y))
            bound_value, g = bound.step(params, eps, (x[rows], y[rows], 6 / 4))
            found.append(np.concatenate(g))
            values.append(bound_value)
        np.testing.assert_allclose(np.mean(found, axis=0), np.concatenate(grads), rtol=1e-12)
        np.testing.assert_allclose(np.mean(values), value, rtol=1e-12)


def test_batches_see_each_row_once_and_weigh_a_ragged_last_one() -> None:
    data = (np.arange(10), 3.0)
    batches = Batches(data, (True, False), 10, 4, np.random.default_rng(0))
    seen = [batches.next() for _ in range(3)]
    assert [share for _, share in seen] == [2.5, 2.5, 5.0]
    assert sorted(np.concatenate([rows for (rows, _), _ in seen])) == list(range(10))
    assert all(other == 3.0 for (_, other), _ in seen)


def test_a_fit_by_batches_of_mapped_rows(tmp_path) -> None:
    rng = np.random.default_rng(0)
    n = 500
    mapped = np.lib.format.open_memmap(tmp_path / "x.npy", mode="w+", dtype=float, shape=(n,))
    mapped[:] = rng.normal(size=n)
    y = 0.3 + 1.2 * mapped + rng.normal(size=n)
    fit = vi.fit(regression, vi.MeanField(), mapped, y, batch_size=64, steps=1500, rng=0, jit=False)
    design = np.stack([np.ones(n), mapped], 1)
    cov = np.linalg.inv(design.T @ design + np.eye(2))
    np.testing.assert_allclose(fit.params.loc, cov @ design.T @ y, atol=0.02)
    np.testing.assert_allclose(np.exp(fit.params.log_scale), np.sqrt(np.diag(cov)), rtol=0.15)


def test_a_density_whose_prior_is_known_separately() -> None:
    def log_likelihood(w, x, y):
        return np.sum(-0.5 * (y - w[0] - w[1] * x) ** 2 - 0.5 * np.log(2.0 * np.pi))

    def log_prior(w):
        return np.sum(-0.5 * w**2 - 0.5 * np.log(2.0 * np.pi))

    whole = vi.LogDensity(log_likelihood, {"w": 2}, prior=log_prior)
    fit = vi.fit(whole, vi.MeanField(), X, Y, batch_size=7, steps=1500, rng=0, jit=False)
    np.testing.assert_allclose(fit.mean["w"], LINREG["meanfield_mean"], atol=0.1)
    full = vi.fit(whole, vi.MeanField(), X, Y, **FIXED)
    np.testing.assert_allclose(full.mean["w"], LINREG["meanfield_mean"], atol=2e-3)
    assert "log_prior(w) + log_likelihood(w, x, y)" in full.elbo.source
    alone = vi.LogDensity(log_likelihood, {"w": 2})
    with pytest.raises(ValueError, match="prior=log_prior"):
        vi.fit(alone, vi.MeanField(), X, Y, batch_size=7, jit=False)


def test_what_does_not_go_in_batches() -> None:
    def local(y):
        z = vi.sample("z", dist.Normal(np.zeros(len(y)), 1.0))
        vi.sample("y", dist.Normal(z, 1.0), obs=y)

    with pytest.raises(
        ValueError, match=r"site 'z' \(.*test_fit.py:\d+\) has a value for each row"
    ):
        vi.fit(local, vi.MeanField(), Y, batch_size=5, jit=False)
    with pytest.raises(ValueError, match="the data have 20 rows"):
        vi.fit(regression, vi.MeanField(), X, Y, batch_size=21, jit=False)
    with pytest.raises(ValueError, match="none of the data"):
        vi.fit(thermometer, vi.MeanField(), 18.0, batch_size=2, jit=False)
    with pytest.raises(ValueError, match="'x' are empty"):
        vi.fit(regression, vi.MeanField(), np.zeros(0), np.zeros(0), batch_size=1, jit=False)


# ---- going on where it stopped -----------------------------------------------------------


@pytest.mark.parametrize(
    ("optimizer", "estimator"),
    [
        (vi.optim.Adam(0.05), "path"),
        (vi.optim.RMSProp(0.02, growth=0.01), "score-running"),
        (vi.optim.Momentum(0.001), "quasi-random"),
    ],
)
def test_killed_and_resumed_is_uninterrupted_bit_for_bit(tmp_path, optimizer, estimator) -> None:
    settings = {
        "steps": 90, "batch_size": 6, "optimizer": optimizer, "estimator": estimator, "rng": 5, "jit": False,
        "draws": 2,
    }  # fmt: skip
    whole = vi.fit(regression, vi.MeanField(), X, Y, **settings)

    class Killed(Exception):
        pass

    def kill(step):
        if step.number == 57:
            raise Killed

    file = tmp_path / "fit.npz"
    with pytest.raises(Killed):
        vi.fit(
            regression,
            vi.MeanField(),
            X,
            Y,
            **settings,
            checkpoint=file,
            checkpoint_every=25,
            callbacks=[kill],
        )
    resumed = vi.fit(regression, vi.MeanField(), X, Y, **settings, checkpoint=file)
    np.testing.assert_array_equal(whole.bounds, resumed.bounds)
    for a, b in zip(whole.params, resumed.params, strict=True):
        np.testing.assert_array_equal(a, b)
    again = vi.fit(regression, vi.MeanField(), X, Y, **settings, checkpoint=file)
    np.testing.assert_array_equal(again.params.loc, whole.params.loc)


def test_a_checkpoint_of_another_fit_is_refused(tmp_path) -> None:
    file = tmp_path / "fit.npz"
    settings = {"steps": 3, "jit": False, "checkpoint": file, "rng": 0}
    vi.fit(regression, vi.MeanField(), X, Y, **settings)
    with pytest.raises(ValueError, match=r"another fit: guide was MeanField"):
        vi.fit(regression, vi.FullRank(), X, Y, **settings)
    with pytest.raises(ValueError, match="another fit: data"):
        vi.fit(regression, vi.MeanField(), X, Y + 1.0, **settings)
    file.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="not a checkpoint"):
        vi.fit(regression, vi.MeanField(), X, Y, **settings)


# ---- stopping -------------------------------------------------------------------------------


def test_when_a_fit_is_over() -> None:
    rule = vi.stopping.Plateau(window=50)
    rng = np.random.default_rng(0)

    def steps(bounds):
        return next((n for n in range(1, len(bounds) + 1) if rule(bounds[:n])), None)

    rising = 0.05 * np.arange(3000) + rng.normal(size=3000)
    assert steps(rising[:1500]) is None  # 2.5 nats a window, in noise of sd 1
    flat = np.concatenate([-np.exp(-np.arange(200) / 20.0), np.zeros(400)]) - 7.0
    assert 300 < steps(flat) < 500
    noisy = -30.0 * np.exp(-np.arange(4000) / 100.0) + rng.normal(size=4000)
    assert 300 < steps(noisy) < 2000
    assert steps(np.full(400, -3.0)) == 150
    with pytest.raises(ValueError, match="window has to be"):
        vi.stopping.Plateau(window=1)


def test_a_fit_stops_by_its_rule_or_by_a_callback() -> None:
    fit = vi.fit(
        thermometer,
        vi.MeanField(),
        18.0,
        steps=5000,
        rng=0,
        jit=False,
        stop=vi.stopping.Plateau(100),
    )
    assert len(fit.bounds) < 4000
    assert fit.stopped == "the bound rises no more"
    assert fit.mean["temp"] == pytest.approx(17.4, abs=0.3)
    ended = vi.fit(
        thermometer, vi.MeanField(), 18.0, rng=0, jit=False, callbacks=[lambda s: s.number == 7]
    )
    assert len(ended.bounds) == 7


def test_restarts_keep_the_best() -> None:
    """Two modes, of which one is higher."""

    def log_joint(x):
        return np.logaddexp(-0.5 * (x + 4.0) ** 2, 2.0 - 0.5 * (x - 4.0) ** 2)

    model = vi.LogDensity(log_joint, {"x": ()})
    fit = vi.fit(model, vi.MeanField(), steps=150, rng=1, restarts=6, jit=False)
    assert len(fit.restarts) == 6
    assert fit.mean["x"] == pytest.approx(4.0, abs=0.5)
    assert min(r.mean["x"] for r in fit.restarts) == pytest.approx(-4.0, abs=0.5)


# ---- numbers that are none -------------------------------------------------------------------


def test_a_nan_names_its_site() -> None:
    def log_joint(a, b):
        return -0.5 * a**2 + np.log(b - 3.0)

    model = vi.LogDensity(log_joint, {"a": (), "b": ()})
    with pytest.raises(
        FloatingPointError, match=r"step 1: the bound is not finite .* log p is no number at a ="
    ):
        vi.fit(model, vi.MeanField(), rng=0, jit=False)

    def steep(a, b):
        return -0.5 * a**2 - np.sqrt(np.abs(b[1])) * 0.0 - np.sum(np.sqrt(np.maximum(b - 1.0, 0.0)))

    model = vi.LogDensity(steep, {"a": (), "b": 2})
    with pytest.raises(FloatingPointError, match=r"derivatives by loc of sites 'b\[0\]', 'b\[1\]'"):
        vi.fit(model, vi.MeanField(), rng=0, jit=False, init={"b": np.zeros(2)})


def test_steps_that_are_not_finite_can_be_skipped() -> None:
    def log_joint(a):
        return -0.5 * a**2 + 0.0 * np.log(a + 2.0)

    model = vi.LogDensity(log_joint, {"a": ()})
    settings = {"rng": 0, "steps": 400, "jit": False, "init": {"a": 0.5}}
    fit = vi.fit(model, vi.MeanField(), on_nan="skip", **settings)
    assert np.any(np.isnan(fit.bounds))
    assert np.isfinite(fit.params.loc[0])
    with pytest.raises(FloatingPointError, match="not finite"):
        vi.fit(model, vi.MeanField(), **settings)


def test_constraints_are_kept_at_any_step_size() -> None:
    layout = vi.elbo(normal_gamma, vi.MeanField(), jit=False).bound(X).layout
    for far in (-1e300, -800.0, 800.0, 1e300):
        values = layout.constrain(np.full(2, far))
        assert 0.0 < values["gamma"] < np.inf
    wild = vi.optim.Adam(30.0)  # the second step is where nothing is finite any more
    with pytest.raises(FloatingPointError, match=r"20 times in a row .* gamma = "):
        vi.fit(normal_gamma, vi.MeanField(), X, rng=0, jit=False, optimizer=wild, on_nan="skip")


# ---- what comes out ----------------------------------------------------------------------------


def test_moments_and_draws() -> None:
    def log_joint(tau, p, mix):
        return -tau + np.log(p) + np.sum(np.log(mix)) + 0.0 * tau

    model = vi.LogDensity(
        log_joint,
        {
            "tau": vi.constraints.positive,
            "p": vi.constraints.unit_interval,
            "mix": ((3,), vi.constraints.simplex),
        },
    )
    fit = vi.fit(model, vi.MeanField(), steps=5, rng=0, jit=False)
    fit.params = MeanFieldParams(np.array([0.3, -0.2, 0.4, 0.1]), np.log([0.5, 0.7, 0.3, 0.2]))
    assert fit.mean["tau"] == pytest.approx(np.exp(0.3 + 0.125), rel=1e-9)
    assert fit.sd["tau"] == pytest.approx(np.exp(0.3 + 0.125) * np.sqrt(np.expm1(0.25)), rel=1e-8)
    draws = fit.sample(200_000, np.random.default_rng(0))
    assert draws["p"].mean() == pytest.approx(fit.mean["p"], abs=2e-3)
    assert draws["p"].std() == pytest.approx(fit.sd["p"], abs=2e-3)
    np.testing.assert_allclose(draws["mix"].sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(draws["mix"].mean(axis=0), fit.mean["mix"], atol=2e-3)


@pytest.mark.parametrize("guide", [vi.MeanField(), vi.FullRank(), vi.LowRank(2), vi.Delta()])
def test_a_saved_posterior_needs_numpy_only(tmp_path, guide) -> None:
    def log_joint(tau, p, mix, W):
        log_p = -tau + np.log(p) + np.sum(np.log(mix))
        return log_p - 0.5 * np.sum((W - tau) ** 2)

    supports = {
        "tau": vi.constraints.positive,
        "p": vi.constraints.unit_interval,
        "mix": ((3,), vi.constraints.simplex),
        "W": (2, 2),
    }
    model = vi.LogDensity(log_joint, supports)
    fit = vi.fit(model, guide, steps=20, rng=0, jit=False)
    file = fit.save(tmp_path / "posterior.py")
    text = file.read_text()
    imports = [line for line in text.splitlines() if line.startswith(("import", "from"))]
    assert set(imports) == {"import numpy as np"}
    module = runpy.run_path(str(file))
    found = module["sample"](50, np.random.default_rng(7))
    expected = fit.sample(50, np.random.default_rng(7))
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12)
        np.testing.assert_allclose(module["MEAN"][name], fit.mean[name], rtol=1e-12)


def test_a_saved_posterior_has_its_predictive(tmp_path) -> None:
    fit = vi.fit(regression, vi.FullRank(), X, Y, **FIXED)
    file = fit.save(tmp_path / "posterior.py")
    assert "srcdiff" not in file.read_text().replace("that srcdiff fitted", "")
    module = runpy.run_path(str(file))
    found = module["predictive"](400, np.random.default_rng(3), X, Y)
    own = fit.predictive(np.random.default_rng(3), X, Y, draws=400)
    assert found["y"].shape == own["y"].shape == (400, 20)
    np.testing.assert_allclose(found["y"].mean(), own["y"].mean(), atol=0.1)
    design = np.stack([np.ones(20), X], 1)
    np.testing.assert_allclose(found["y"].mean(axis=0), design @ LINREG["post_mean"], atol=0.25)


@pytest.mark.long
def test_a_saved_predictive_is_the_fits_own_whatever_arguments_are_called(tmp_path) -> None:
    def model(n, draws, sample):
        p = vi.sample("p", dist.Beta(np.ones(3), 1.0))
        z = vi.sample("z", dist.Bernoulli(0.4))  # summed out
        vi.sample("k", dist.Binomial(n, p), obs=draws)
        vi.sample("y", dist.Normal(z * sample, 1.0), obs=0.3)

    data = np.array([3, 5, 8]), np.array([1, 2, 3]), 2.0
    fit = vi.fit(model, vi.MeanField(), *data, steps=5, rng=0, jit=False, progress=False)
    module = runpy.run_path(str(fit.save(tmp_path / "posterior.py")))
    found = module["predictive"](50, np.random.default_rng(3), *data)
    own = fit.predictive(np.random.default_rng(3), *data, draws=50)
    assert [*found] == [*own] == ["z", "k", "y"]
    for name, value in own.items():
        np.testing.assert_array_equal(found[name], value)


def test_a_saved_predictive_of_logits_needs_numpy_only(tmp_path) -> None:
    def classes(x):
        w = vi.sample("w", dist.Normal(np.zeros(3), 1.0))
        vi.sample("coin", dist.Bernoulli(logits=w[0] * x), obs=(x > 0.0).astype(int))
        vi.sample("k", dist.Categorical(logits=np.outer(x, w)), obs=np.zeros(len(x), int))

    fit = vi.fit(classes, vi.MeanField(), X, steps=5, rng=0, jit=False, progress=False)
    file = fit.save(tmp_path / "posterior.py")
    assert "scipy" not in file.read_text()
    found = runpy.run_path(str(file))["predictive"](50, np.random.default_rng(3), X)
    own = fit.predictive(np.random.default_rng(3), X, draws=50)
    for name in ("coin", "k"):
        np.testing.assert_array_equal(found[name], own[name])


def test_settings_that_make_no_sense() -> None:
    for settings, message in (
        ({"steps": 0}, "steps=0"),
        ({"on_nan": "ignore"}, "'raise' or 'skip'"),
        ({"optimizer": vi.optim.Adam(maximize=True)}, "leave out maximize=True"),
        ({"optimizer": vi.optim.LBFGS(), "batch_size": 3}, "leave batch_size out"),
        ({"init": MeanFieldParams(np.zeros(3), np.zeros(3))}, r"loc \(2,\), log_scale \(2,\)"),
        ({"init": {"w2": 1.0}}, "no latent site 'w2'; there are w0, w1"),
    ):
        with pytest.raises(ValueError, match=message):
            vi.fit(regression, vi.MeanField(), X, Y, jit=False, **settings)
    with pytest.raises(TypeError, match="takes 2 data"):
        vi.fit(regression, vi.MeanField(), X, jit=False)
    with pytest.raises(ValueError, match="for site 'gamma' is outside of its support"):
        vi.fit(normal_gamma, vi.MeanField(), X, init={"gamma": -1.0}, jit=False)


def test_a_discrete_site_is_summed_out_or_refused_by_name() -> None:
    def mixture(x):
        mu = vi.sample("mu", dist.Normal(0.0, 3.0))
        with vi.plate("rows", len(x)):
            k = vi.sample("k", dist.Bernoulli(0.5))
            vi.sample("x", dist.Normal(np.where(k == 1, mu, -1.0), 0.5), obs=x)

    def by_hand(mu, x):
        parts = [-0.5 * ((x - m) / 0.5) ** 2 - np.log(0.5) for m in (mu, -1.0)]
        mixed = np.log(0.5) - 0.5 * np.log(2.0 * np.pi) + np.logaddexp(parts[0], parts[1])
        return -0.5 * (mu / 3.0) ** 2 - np.log(3.0) - 0.5 * np.log(2.0 * np.pi) + np.sum(mixed)

    rng = np.random.default_rng(0)
    x = np.where(rng.random(60) < 0.5, 2.0, -1.0) + 0.5 * rng.normal(size=60)
    exact = vi.elbo(vi.LogDensity(by_hand, {"mu": ()}), vi.MeanField(), "path", jit=False)
    summed = vi.elbo(mixture, vi.MeanField(), "path", jit=False)
    params, eps = MeanFieldParams(np.array([1.5]), np.array([-1.0])), rng.normal(size=(2, 1))
    (value, grads), (expected, exact_grads) = (
        e.value_and_grad(params, eps, x) for e in (summed, exact)
    )
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(grads.loc, exact_grads.loc, rtol=1e-10)
    half = summed.bound(x[:30], full=(x,)).step(params, eps, (x[:30], 2.0))[0]
    other = summed.bound(x[30:], full=(x,)).step(params, eps, (x[30:], 2.0))[0]
    assert 0.5 * (half + other) == pytest.approx(value, rel=1e-12)

    def counting(x):
        k = vi.sample("k", dist.Poisson(3.0))
        vi.sample("x", dist.Normal(1.0 * k, 1.0), obs=x)

    with pytest.raises(
        ValueError, match=r"site 'k' \(.*test_fit.py:\d+\) is discrete .*score function"
    ):
        vi.fit(counting, vi.MeanField(), X, jit=False)


def test_choices_that_are_named_by_iterations_are_summed_out_beside_a_divergence() -> None:
    """The bound of each iteration's site is that of a mixture, and the divergence of `mu` replaces its prior."""

    def mixture(x):
        mu = vi.sample("mu", dist.Normal(0.0, np.full(2, 5.0)))
        for i in range(len(x)):
            z = vi.sample(f"z_{i}", dist.Categorical(np.array([0.3, 0.7])))
            vi.sample(f"x_{i}", dist.Normal(mu[z], 1.0), obs=x[i])

    def summed(x):
        mu = vi.sample("mu", dist.Normal(0.0, np.full(2, 5.0)))
        for i in range(len(x)):
            terms = np.log([0.3, 0.7]) - 0.5 * ((x[i] - mu) ** 2 + np.log(2.0 * np.pi))
            log_p = np.logaddexp(terms[0], terms[1])
            vi.sample(
                f"x_{i}", dist.Normal(np.sqrt(-2.0 * log_p - np.log(2.0 * np.pi)), 1.0), obs=0.0
            )

    x = np.array([-3.0, -2.5, 2.8, 3.1])
    bounds = [vi.elbo(m, vi.MeanField(), draws=3, jit=False) for m in (mixture, summed)]
    eps = vi.noise(bounds[0], np.random.default_rng(0), x)
    params = bounds[0].init(x)
    np.testing.assert_allclose(*(b(params, eps, x) for b in bounds), rtol=1e-12)


def test_data_are_looked_at_before_a_fit_starts() -> None:
    bad = np.where(np.arange(20) == 3, np.nan, Y)
    with pytest.raises(ValueError, match=r"site 'y'.* is NaN"):
        vi.fit(regression, vi.MeanField(), X, bad, jit=False)
    with pytest.raises(ValueError, match="site 'y'"):
        vi.fit(logistic, vi.MeanField(), np.ones((3, 2)), np.array([0.0, 2.0, 1.0]), 1.0, jit=False)


def categories(x):
    k = vi.sample("k", dist.Bernoulli(0.3))
    mu = vi.sample("mu", dist.Normal(0.0, 2.0))
    vi.sample("x", dist.Normal(mu + k, 1.0), obs=x)


def categories_guide(x):
    logit = vi.param("logit", 0.0)
    m = vi.param("m", np.zeros(2))
    s = vi.param("s", 1.0, constraint=vi.constraints.positive)
    k = vi.sample("k", dist.Bernoulli(logits=logit))
    vi.sample("mu", dist.Normal(m[0] + m[1] * k, s))


@pytest.mark.parametrize(
    ("model", "guide"),
    [
        (eight_schools, vi.MeanField()),
        pytest.param(categories, categories_guide, marks=pytest.mark.slow),
    ],
)
def test_compiled_fits_take_the_same_steps(model, guide) -> None:
    data = (X[:8], np.abs(Y[:8])) if model is eight_schools else (X,)
    fits = [
        vi.fit(model, guide, *data, steps=12, draws=3, rng=0, jit=jit, optimizer=vi.optim.Adam(0.1))
        for jit in (True, False)
    ]
    np.testing.assert_allclose(fits[0].bounds, fits[1].bounds, rtol=1e-8)
    for a, b in zip(*(fit.params for fit in fits), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-10)
    assert "@njit" in fits[0].elbo.grad.loop_source


# ---- ArviZ -------------------------------------------------------------------------------------------


class Arviz:
    """What `to_arviz` uses of ArviZ: `from_dict`, with groups by keyword until 1.0, and then as one dict."""

    def __init__(self, version):
        self.__version__ = version

    def from_dict(self, *groups, **by_keyword):
        assert (len(groups) == 1) == (self.__version__ >= "1")
        return groups[0] if groups else by_keyword


@pytest.mark.parametrize("version", ["0.23.4", "1.1.0"])
def test_a_fit_goes_to_arviz(monkeypatch, version) -> None:
    fit = vi.fit(eight_schools, vi.MeanField(), *SCHOOLS, steps=50, rng=0, jit=False)
    monkeypatch.setitem(sys.modules, "arviz", Arviz(version))
    found = fit.to_arviz(20, np.random.default_rng(1))
    shapes = {name: value.shape for name, value in found["posterior"].items()}
    assert shapes == {"mu": (1, 20), "tau": (1, 20), "theta_trans": (1, 20, 8)}
    assert {k: v.shape for k, v in found["posterior_predictive"].items()} == {"y": (1, 20, 8)}
    mean = (
        found["posterior"]["mu"][..., None]
        + found["posterior"]["tau"][..., None] * found["posterior"]["theta_trans"]
    )
    off = (found["posterior_predictive"]["y"] - mean) / SCHOOLS[1]  # of the same draws
    assert np.std(off) == pytest.approx(1.0, abs=0.2)
    monkeypatch.setitem(sys.modules, "arviz", None)
    with pytest.raises(ImportError, match=r"pip install srcdiff\[arviz\]"):
        fit.to_arviz()


def test_with_arviz_itself() -> None:
    """It takes the draws, and their means are the fit's."""
    pytest.importorskip("arviz", reason="ArviZ is an extra")
    fit = vi.fit(eight_schools, vi.MeanField(), *SCHOOLS, steps=50, rng=0, jit=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = fit.to_arviz(500)
    assert float(found.posterior["mu"].mean()) == pytest.approx(fit.mean["mu"], abs=0.5)
    assert found.posterior_predictive["y"].shape == (1, 500, 8)
