"""Draws from models: the prior, and what follows from a posterior."""

import runpy

import numpy as np
import pytest
from scipy import stats

from srcdiff import vi
from srcdiff.vi import dist

Y = np.zeros(6)


def chain(y):
    h = vi.sample("h0", dist.Normal(0.0, 1.0))
    for t in range(len(y)):
        h = vi.sample("h", dist.Normal(h, 0.5))
        k = vi.sample("k", dist.Bernoulli(0.3))
        if k > 0:
            vi.sample("y", dist.Normal(h, 0.1), obs=y[t])


def test_the_prior_is_the_model_with_draws_in_its_place() -> None:
    sampler = vi.prior(chain)
    drawn = sampler(np.random.default_rng(0), Y)
    assert (
        sampler.source
        == '''\
def chain_prior(rng, values, y):
    """Draws of the sites of `chain`."""
    hs = values["h"].copy()
    ks = values["k"].copy()
    new_ys = values["y"].copy()
    initial_h = rng.standard_normal()  # h0 ~ Normal(0.0, 1.0)
    h = initial_h
    for t in range(len(y)):
        h = h + 0.5 * rng.standard_normal()  # h ~ Normal(h, 0.5)
        hs[t] = h
        k = int(rng.random() < 0.3)  # k ~ Bernoulli(0.3)
        ks[t] = k
        if k > 0:
            new_y = h + 0.1 * rng.standard_normal()  # y ~ Normal(h, 0.1)
            new_ys[t] = new_y
    return {"h": hs, "k": ks, "y": new_ys, "h0": initial_h}
'''
    )
    assert np.array_equal(np.isnan(drawn["y"]), drawn["k"] == 0)
    namespace: dict = {}
    exec(sampler.source, namespace)
    storage = {"h": np.zeros(6), "k": np.zeros(6, int), "y": np.full(6, np.nan)}
    again = namespace["chain_prior"](np.random.default_rng(0), storage, Y)
    np.testing.assert_array_equal(again["h"], drawn["h"])


def schools(sigma, y):
    mu = vi.sample("mu", dist.Normal(2.0, 3.0))
    with vi.plate("schools", len(y)):
        theta = vi.sample("theta", dist.Normal(mu, 1.0))
        vi.sample("y", dist.Normal(theta, sigma), obs=y)


def test_prior_draws_have_the_models_distribution() -> None:
    drawn = vi.prior(schools)(np.random.default_rng(1), np.ones(2), np.zeros(2), draws=1000)
    assert {name: v.shape for name, v in drawn.items()} == {
        "mu": (1000,), "theta": (1000, 2), "y": (1000, 2)
    }  # fmt: skip
    total = np.sqrt(9.0 + 1.0 + 1.0)
    assert stats.kstest(drawn["y"][:, 1], stats.norm(2.0, total).cdf).pvalue > 1e-3
    assert np.var(drawn["y"][:, 0] - drawn["theta"][:, 0]) == pytest.approx(1.0, rel=0.2)


def test_predictive_draws_take_latents_from_the_posterior() -> None:
    posterior = {"mu": np.zeros(50), "theta": np.full((50, 2), [10.0, -10.0])}
    sampler = vi.predictive(schools, posterior)
    drawn = sampler(np.random.default_rng(2), np.full(2, 0.1), np.zeros(2), draws=20)
    assert list(drawn) == ["y"]
    np.testing.assert_allclose(drawn["y"], np.full((20, 2), [10.0, -10.0]), atol=0.6)


def test_draws_of_what_is_no_site_are_refused() -> None:
    with pytest.raises(ValueError, match="draws of 'nu', which is no site of schools"):
        vi.predictive(schools, {"nu": np.zeros(3)})(np.random.default_rng(0), np.ones(2), Y[:2])


def across(y):
    scale = vi.sample("scale", dist.Gamma(2.0, 1.0))
    with vi.plate("rows", y.shape[0]), vi.plate("columns", y.shape[1]):
        vi.sample("y", dist.Normal(np.zeros((y.shape[0], 1)), scale), obs=y)


def test_parameters_are_repeated_along_any_axis() -> None:
    rng = np.random.default_rng(0)
    drawn = vi.prior(across)(rng, np.zeros((200, 300)))
    assert drawn["y"].shape == (200, 300)
    assert np.std(drawn["y"]) == pytest.approx(drawn["scale"], rel=0.02)
    assert np.std(np.mean(drawn["y"], axis=1)) < 0.1 * drawn["scale"]  # each row is many draws


def by_groups(y):
    with vi.plate("groups", y.shape[0]):
        theta = vi.sample("theta", dist.Normal(0.0, 10.0))
    with vi.plate("groups", y.shape[0]), vi.plate("items", y.shape[1]):
        vi.sample("y", dist.Normal(theta[:, None], 0.1), obs=y)


def test_predictive_draws_of_groups() -> None:
    theta = np.array([[1.0, 2.0, 3.0], [-1.0, -2.0, -3.0]])
    drawn = vi.predictive(by_groups, {"theta": theta})(
        np.random.default_rng(0), np.zeros((3, 400)), draws=2
    )
    np.testing.assert_allclose(np.abs(np.mean(drawn["y"], axis=2)), np.abs(theta), atol=0.03)
    np.testing.assert_allclose(np.std(drawn["y"], axis=2), 0.1, rtol=0.15)


def of_counts(n):
    p = vi.sample("p", dist.Dirichlet(np.ones(3)))
    k = vi.sample("k", dist.DiscreteUniform(1, 6))
    C = vi.sample("C", dist.LKJCholesky(3, 2.0))
    b = vi.sample("b", dist.DirichletMultinomial(np.array([2.0, 1.0]), 5))
    vi.sample("n", dist.Multinomial(10, p), obs=n)
    return k, C, b


@pytest.mark.long
def test_prior_draws_of_counts_and_factors() -> None:
    prior, rng = vi.prior(of_counts), np.random.default_rng(0)
    drawn = [prior(rng, np.zeros((4, 3))) for _ in range(300)]
    found = {name: np.array([d[name] for d in drawn]) for name in drawn[0]}
    assert np.all(found["n"].sum(axis=2) == 10) and np.all(found["b"].sum(axis=1) == 5)
    np.testing.assert_allclose(found["n"].mean(axis=1).mean(axis=0), 10 / 3, atol=0.5)
    assert set(found["k"]) == {1, 2, 3, 4, 5, 6}
    np.testing.assert_allclose(np.sum(found["C"] ** 2, axis=2), 1.0)


def series(y):
    phi = vi.sample("phi", dist.Uniform(-1.0, 1.0))
    last = 0.0
    for t in range(len(y)):
        last = vi.sample("y", dist.Normal(phi * last, 0.5), obs=y[t])


def test_predictive_draws_of_sites_in_loops(tmp_path) -> None:
    """They go on from what was drawn, and a saved posterior draws the same."""
    y = np.zeros(4)
    drawn = vi.predictive(series, {"phi": np.full(3, 0.8)})(
        np.random.default_rng(0), y, draws=4000
    )["y"]
    variance = 0.25 * np.cumsum(0.64 ** np.arange(4))
    np.testing.assert_allclose(drawn.var(axis=0), variance, rtol=0.1)
    covariance = np.mean(drawn[:, 0] * drawn[:, 1])
    assert covariance == pytest.approx(0.8 * variance[0], abs=0.02)

    fit = vi.fit(series, vi.MeanField(), np.array([1.0, 0.8, 0.9, 0.4]), steps=20, rng=0, jit=False)
    module = runpy.run_path(str(fit.save(tmp_path / "posterior.py")))
    saved = module["predictive"](50, np.random.default_rng(1), y)["y"]
    own = fit.predictive(np.random.default_rng(1), y, draws=50)["y"]
    np.testing.assert_allclose(saved, own, rtol=1e-12)
