"""Fits as objects: what they print, and that they travel to other processes."""

import pickle
import re

import numpy as np
import pytest

from srcdiff import vi
from srcdiff.vi import distributions as dist

Y = np.array([0.3, 1.2, -0.4, 0.8, 1.9])


def model(y):
    mu = vi.sample("mu", dist.Normal(0.0, 1.0))
    s = vi.sample("s", dist.Gamma(2.0, 1.0))
    vi.sample("y", dist.Normal(mu, s), obs=y)


def with_parameter(y):
    scale = vi.param("scale", 1.5, constraint=vi.constraints.positive)
    mu = vi.sample("mu", dist.Normal(0.0, scale))
    vi.sample("y", dist.Normal(mu, 1.0), obs=y)


def guide(y):
    vi.sample("mu", dist.Normal(vi.param("m", 0.1), 0.5))
    vi.sample("s", dist.LogNormal(vi.param("l", 0.2), 0.3))


FITS = [
    (model, vi.MeanField()),
    (model, vi.FullRank()),
    (model, vi.LowRank(1)),
    (model, vi.Delta()),
    (model, vi.Laplace()),
    (model, guide),
    (with_parameter, vi.MeanField()),
]


def fitted(program, family):
    rng = np.random.default_rng(0)
    return vi.fit(program, family, Y, steps=60, rng=rng, progress=False, jit=False)


@pytest.mark.parametrize(("program", "family"), FITS)
def test_a_pickled_fit_draws_the_same(program, family) -> None:
    fit = fitted(program, family)
    other = pickle.loads(pickle.dumps(fit))
    for found, expected in (
        (other.sample(3, np.random.default_rng(1)), fit.sample(3, np.random.default_rng(1))),
        (other.params._asdict(), fit.params._asdict()),
    ):
        assert found.keys() == expected.keys()
        for name in found:
            np.testing.assert_array_equal(found[name], expected[name])
    assert repr(other) == repr(fit)


def test_a_pickled_fit_of_several_starts_keeps_them() -> None:
    rng = np.random.default_rng(0)
    fit = vi.fit(model, vi.MeanField(), Y, steps=20, restarts=2, rng=rng, progress=False, jit=False)
    assert len(pickle.loads(pickle.dumps(fit)).restarts) == 2


def groups(y):
    mean = vi.sample("mean", dist.Normal(0.0, 2.0))
    spread = vi.sample("spread", dist.HalfNormal(1.0))
    effects = vi.sample("effects", dist.Normal(mean * np.ones(len(y)), spread))
    vi.sample("y", dist.StudentT(5.0, effects, 0.7), obs=y)


def counts(y):
    rate = vi.sample("rate", dist.Gamma(2.0, 1.5))
    vi.sample("y", dist.Poisson(rate), obs=np.floor(np.abs(y)))


@pytest.mark.parametrize("steps", [5, 400])
@pytest.mark.parametrize("model", [model, groups, counts])
def test_the_printed_bound_is_the_mean_of_the_last_steps(model, steps) -> None:
    rng = np.random.default_rng(0)
    fit = vi.fit(model, vi.MeanField(), Y, steps=steps, rng=rng, progress=False, jit=False)
    (shown,) = re.findall(r"mean bound (\S+) of", repr(fit))
    assert float(shown) == pytest.approx(np.mean(fit.bounds[-max(1, steps // 10) :]), rel=1e-5)
    if steps > 100:
        mean, error = fit.bound(2000, rng)
        spread = np.std(fit.bounds[-steps // 10 :]) / np.sqrt(steps // 10)
        assert abs(float(shown) - mean) < 4 * (error + spread)
