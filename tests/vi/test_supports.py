"""Priors of all supports under automatic guides: bounds that the source shows, and bounds that a run shows."""

from __future__ import annotations

import linecache
import runpy
import sys
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

import srcdiff
from srcdiff import vi
from srcdiff.vi import dist

positive = vi.constraints.positive
Y = np.array([0.7, 1.0])


def model_of(prior: str) -> Any:
    """A model of x from a prior, and two normal numbers round the sum of x."""
    text = (
        "def model(y, c):\n"
        f"    x = vi.sample('x', dist.{prior})\n"
        "    vi.sample('y', dist.Normal(np.sum(x), 1.0), obs=y)\n"
    )
    file = f"<prior {prior}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {"vi": vi, "dist": dist, "np": np, "__name__": "priors"}
    exec(compile(text, file, "exec"), namespace)
    return namespace["model"]


@pytest.mark.parametrize(
    ("prior", "density", "low", "high"),
    [
        ("Uniform(-0.5, 2.0)", stats.uniform(-0.5, 2.5), -0.5, 2.0),
        ("Uniform(-1.0, c)", stats.uniform(-1.0, 3.0), -1.0, 2.0),
        ("Uniform(0.0, 2.0 * y[1])", stats.uniform(0.0, 2.0), 0.0, 2.0),
        ("TruncatedNormal(0.4, 1.7, low=-0.5, high=2.0)", stats.truncnorm(-0.9 / 1.7, 1.6 / 1.7, 0.4, 1.7), -0.5, 2),
        ("TruncatedNormal(0.4, 1.7, low=0.0)", stats.truncnorm(-0.4 / 1.7, np.inf, 0.4, 1.7), 0.0, np.inf),
        ("TruncatedNormal(0.4, 1.7, high=1.0)", stats.truncnorm(-np.inf, 0.6 / 1.7, 0.4, 1.7), -np.inf, 1.0),
        ("LogUniform(0.5, 2.5)", stats.loguniform(0.5, 2.5), 0.5, 2.5),
        ("Pareto(1.2, 5.5)", stats.pareto(5.5, scale=1.2), 1.2, np.inf),
        ("Levy(0.4, 1.7)", stats.levy(0.4, 1.7), 0.4, np.inf),
        ("Gamma(2.0, np.ones(1)).to_event(1)", stats.gamma(2.0), 0.0, np.inf),
        ("ImproperUniform(dist.constraints.positive)", None, 0.0, np.inf),
    ],
)  # fmt: skip
def test_the_evidence_over_z_is_that_over_values(prior, density, low, high) -> None:
    bound = vi.elbo(model_of(prior), vi.Laplace(), jit=False)
    params = bound.init(Y, 2.0)
    z = np.linspace(-36.0, 36.0, 1201)
    logs = [bound(params._replace(loc=np.array([u])), np.zeros((1, 0)), Y, 2.0) for u in z]
    own = integrate.trapezoid(np.exp(logs), z)

    def joint(x):
        return (1.0 if density is None else density.pdf(x)) * np.prod(stats.norm(x).pdf(Y))

    exact = integrate.quad(joint, low, min(high, 30.0), epsabs=1e-12, limit=200)[0]
    assert own == pytest.approx(exact, rel=1e-6)


def test_uniform_bounds_are_numbers_and_others_are_written_out() -> None:
    def model(y, c):
        vi.sample("a", dist.Uniform(-1.0, np.ones(2)))
        b = vi.sample("b", dist.Uniform(0.0, c * np.array([1.0, 2.0])))
        vi.sample("y", dist.Normal(np.sum(b), 1.0), obs=y)

    bound = vi.elbo(model, vi.MeanField(), jit=False)
    params, rng = bound.init(Y, 3.0), np.random.default_rng(0)
    eps = vi.noise(bound, rng, Y, 3.0)
    bound(params, eps, Y, 3.0)
    assert "a = np.clip(-1.0 + 2.0 * expit(z[0:2]), -1.0, 1.0)" in bound.source
    assert "array = np.array([3.0, 6.0])" in bound.source


def test_other_data_have_other_bounds() -> None:
    bound = vi.elbo(model_of("Uniform(0.0, c)"), vi.MeanField(), jit=False)
    for c in (2.0, 5.0, 2.0):
        assert bound.bound(Y, c).layout.constrain(np.array([50.0]))["x"] == c


def test_bounds_that_are_drawn_or_of_rows_are_refused() -> None:
    def drawn(y):
        s = vi.sample("s", dist.Gamma(1.0, 1.0))
        top = 1.0 if s > 1.0 else 2.0
        x = vi.sample("x", dist.Uniform(0.0, top))
        vi.sample("y", dist.Normal(x, 1.0), obs=y)

    with pytest.raises(ValueError, match=r"site 'x' .*depends on what is drawn"):
        vi.fit(drawn, vi.MeanField(), Y, steps=1, jit=False)

    def of_rows(y):
        x = vi.sample("x", dist.Uniform(0.0, y[0]))
        vi.sample("y", dist.Normal(x, 1.0), obs=y)

    with pytest.raises(ValueError, match=r"site 'x' .*computed of 'y'.* other rows"):
        vi.fit(of_rows, vi.MeanField(), np.ones(6), steps=1, batch_size=2, jit=False)


@pytest.mark.parametrize(
    "prior",
    ["LKJCholesky(3, 1.4)", "Wishart(4.5, np.eye(2))", "Normal(np.zeros(3), 1.0).to_event(1)"],
)
def test_matrices_and_events_have_gradients(prior) -> None:
    bound = vi.elbo(model_of(prior), vi.MeanField(), estimator="path", jit=False)
    params, rng = bound.init(Y, 2.0), np.random.default_rng(0)
    eps = vi.noise(bound, rng, Y, 2.0)
    step = rng.normal(size=len(params.loc))
    slope = (
        bound(params._replace(loc=1e-5 * step), eps, Y, 2.0)
        - bound(params._replace(loc=-1e-5 * step), eps, Y, 2.0)
    ) / 2e-5
    assert bound.grad(params, eps, Y, 2.0).loc @ step == pytest.approx(slope, rel=1e-6)


def test_a_guide_with_a_cholesky_factor_is_exact() -> None:
    X = np.random.default_rng(0).normal(size=(30, 2))
    y = X @ np.array([1.0, -2.0]) + np.random.default_rng(1).normal(size=30)

    def model(X, y):
        w = vi.sample("w", dist.Normal(np.zeros(2), 2.0))
        vi.sample("y", dist.Normal(X @ w, 1.0), obs=y)

    def guide(X, y):
        m = vi.param("m", np.zeros(2))
        L = vi.param("L", np.eye(2), constraint=vi.constraints.lower_cholesky)
        vi.sample("w", dist.MultivariateNormal(m, scale_tril=L))

    fit = vi.fit(model, guide, X, y, optimizer=vi.optim.LBFGS(draws=4), rng=0, jit=False)
    precision = X.T @ X + np.eye(2) / 4.0
    wanted = np.linalg.solve(precision, X.T @ y)
    bound = vi.elbo(model, guide, "path-without-score", jit=False)
    exact = fit.params._replace(
        m=wanted, real_L=vi.constraints.lower_cholesky.unconstrain(np.linalg.cholesky(np.linalg.inv(precision)))
    )  # fmt: skip
    # at the posterior each draw has the gradient 0
    grads = bound.grad(exact, vi.noise(bound, np.random.default_rng(0), X, y), X, y)
    np.testing.assert_allclose(np.concatenate(grads), 0.0, atol=1e-10)
    assert fit.values["m"] == pytest.approx(wanted, abs=0.3)


def test_models_with_loops_over_plates_have_guides_that_are_functions() -> None:
    def model(y):
        mu = vi.sample("mu", dist.Normal(0.0, 5.0))
        for i in vi.plate("n", len(y)):
            vi.sample("y", dist.Normal(mu, 1.0), obs=y[i])

    def guide(y):
        vi.sample("mu", dist.Normal(vi.param("m", 0.0), vi.param("s", 1.0, constraint=positive)))

    fit = vi.fit(model, guide, Y, rng=0, steps=300, draws=2, jit=False)
    assert fit.mean["mu"] == pytest.approx(Y.sum() / (2.0 + 1.0 / 25.0), abs=0.1)


def test_a_plate_has_all_its_items() -> None:
    def model(y):
        mu = vi.sample("mu", dist.Normal(0.0, 5.0))
        with vi.plate("n", 3):
            vi.sample("y", dist.Normal(mu, 1.0), obs=y)

    for y in (np.ones(5), 1.0):
        with pytest.raises(
            srcdiff.UnsupportedError,
            match=r"site 'y' has a value of shape .* in plates of \(3,\) items",
        ):
            vi.fit(model, vi.MeanField(), y, steps=1, jit=False)


def test_a_saved_posterior_with_bounds_of_its_own(tmp_path, monkeypatch) -> None:
    def model(y):
        d = vi.sample("d", dist.Uniform(0.0, np.array([1.0, 2.0])))
        L = vi.sample("L", dist.LKJCholesky(2, 1.0))
        vi.sample("y", dist.Normal(d + L[1], 1.0), obs=y)

    fit = vi.fit(model, vi.FullRank(), Y, steps=10, rng=0, jit=False)
    file = fit.save(tmp_path / "posterior.py")
    monkeypatch.setitem(sys.modules, "scipy", None)  # NumPy is enough
    draws = runpy.run_path(str(file))["sample"](5, np.random.default_rng(0))
    for name, value in fit.sample(5, np.random.default_rng(0)).items():
        np.testing.assert_allclose(draws[name], value, rtol=1e-12)
