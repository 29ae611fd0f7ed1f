"""Parameters of the model (`vi.param`) beside an automatic guide."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from srcdiff import vi
from srcdiff.vi import dist

positive = vi.constraints.positive


def two(y):
    c = vi.param("c", 0.3)
    s = vi.param("s", 1.2, constraint=positive)
    z = vi.sample("z", dist.Normal(c, 1.0))
    w = vi.sample("w", dist.Normal(z, s))
    vi.sample("y", dist.Normal(w, s), obs=y)


NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(12)
WEIGHTS = WEIGHTS / np.sum(WEIGHTS)


def exact(y=0.7):
    """The gradient by loc, log_scale, c and log s, of the bound written out."""
    loc, log_scale, c, s = np.array([0.1, 0.4]), np.array([-0.2, -0.3]), 0.3, 1.2
    (z, w), (v, u) = loc, np.exp(2.0 * log_scale)
    squares = (w - z) ** 2 + u + v, (y - w) ** 2 + u
    return [
        -(z - c) + (w - z) / s**2, -(w - z) / s**2 + (y - w) / s**2,
        1.0 - v - v / s**2, 1.0 - 2.0 * u / s**2, z - c, sum(squares) / s**2 - 2.0,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "estimator", ["auto", "path", "path-without-score", "score", {"z": "score", "w": "path"}]
)
def test_all_estimators_have_the_exact_mean(estimator) -> None:
    bound = vi.elbo(two, vi.MeanField(), estimator, jit=False)
    params = bound.init(0.7)._replace(loc=np.array([0.1, 0.4]), log_scale=np.array([-0.2, -0.3]))
    mean = np.zeros(6)
    for a, p in zip(NODES, WEIGHTS, strict=True):
        for b, q in zip(NODES, WEIGHTS, strict=True):
            grads = bound.grad(params, np.array([[a, b]]), 0.7)
            mean += p * q * np.concatenate([np.ravel(g) for g in grads])
    np.testing.assert_allclose(mean, exact(), atol=1e-10)


Y = np.random.default_rng(1).normal(1.5, np.sqrt(3.25), 100)


def random_effects(y):
    mu = vi.param("mu", 0.0)
    scale = vi.param("scale", 1.0, constraint=positive)
    z = vi.sample("z", dist.Normal(mu * np.ones(len(y)), 1.0))
    vi.sample("y", dist.Normal(z, scale), obs=y)


def test_the_maximum_of_the_evidence(tmp_path) -> None:
    """With one z for each number, mean field holds the posterior: the bound's maximum is that of the evidence."""
    fit = vi.fit(
        random_effects, vi.MeanField(), Y, estimator="path-without-score", steps=1500, rng=0, jit=False
    )  # fmt: skip
    assert fit.params._fields == ("loc", "log_scale", "mu", "model_log_scale")
    assert fit.values["mu"] == pytest.approx(Y.mean(), abs=0.02)
    assert fit.values["scale"] == pytest.approx(np.sqrt(Y.var() - 1.0), abs=0.03)
    assert fit.model_values == {name: fit.values[name] for name in ("mu", "scale")}
    path = fit.save(tmp_path / "posterior.py")
    spec = importlib.util.spec_from_file_location("posterior_of_params", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    drawn = module.predictive(2000, np.random.default_rng(0), Y)["y"]
    assert drawn.mean() == pytest.approx(Y.mean(), abs=0.1)
    own = fit.predictive(np.random.default_rng(0), Y, draws=200)["y"]
    assert own.std() == pytest.approx(drawn.std(), rel=0.05)


def test_names_that_a_guide_has_are_kept_separate() -> None:
    def model(y):
        loc = vi.param("loc", 0.5)
        eps = vi.param("eps", 0.25)
        z = vi.sample("z", dist.Normal(loc + eps, 1.0))
        vi.sample("y", dist.Normal(z, 1.0), obs=y)

    bound = vi.elbo(model, vi.FullRank(), jit=False)
    params = bound.init(1.0)
    assert params._fields == ("loc", "log_scale", "lower", "model_loc", "model_eps")
    at_zero = bound(params, np.zeros((1, 1)), 1.0)
    log_joint = -0.5 * (0.75**2 + 1.0) - np.log(2.0 * np.pi)
    assert at_zero == pytest.approx(log_joint + np.log(0.1) + 0.5 * np.log(2.0 * np.pi * np.e))


def helper():
    return vi.param("shift", 0.0)


def test_parameters_of_helpers_are_fitted() -> None:
    def model(y):
        z = vi.sample("z", dist.Normal(helper(), 0.01))
        vi.sample("y", dist.Normal(z, 1.0), obs=y)

    fit = vi.fit(model, vi.Laplace(), np.array([1.0, 2.0]), rng=0, jit=False)
    assert fit.values["shift"] == pytest.approx(1.5, abs=1e-6)
    assert fit.mean["z"] == pytest.approx(1.5, abs=1e-6)


def test_a_parameter_that_leaves_the_finite_numbers_is_named() -> None:
    def model(y):
        s = vi.param("s", 1.0)
        z = vi.sample("z", dist.Normal(0.0, 1.0))
        vi.sample("y", dist.Normal(z, s), obs=y)

    with pytest.raises(FloatingPointError, match="site 'y', Normal: scale has to be positive"):
        vi.fit(
            model, vi.MeanField(), np.zeros(3), rng=0, steps=50, jit=False,
            optimizer=vi.optim.SGD(10.0),
        )  # fmt: skip
