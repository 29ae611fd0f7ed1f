"""Draws from models: the prior, and what follows from a posterior."""

import runpy

import numpy as np
import pytest
from scipy import stats

from srcdiff import UnsupportedError, vi
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


def test_parameters_that_are_not_repeated_along_the_first_axes_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="is not repeated along the first axes"):
        vi.prior(across)(np.random.default_rng(0), np.zeros((2, 3)))


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
