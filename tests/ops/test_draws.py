"""Draws from generators: the derivative of a draw by its parameters, for the same noise."""

from __future__ import annotations

import linecache

import numpy as np
import pytest

from srcdiff import UnsupportedError, differentiate, grad, value_and_grad, vjp

CALLS = [
    "normal(x[0], x[1], size=3)",
    "normal(x, 2.0)",
    "normal(scale=x[0], size=(2, 2))",
    "uniform(x[0], 2.0 + x[1], size=4)",
    "exponential(x[0], 3)",
    "gamma(2.0, x)",
    "laplace(x[0], x[1])",
    "gumbel(x, 2.0 * x)",
    "logistic(x[0], x[1], size=2)",
    "lognormal(x, x)",
    "weibull(x, size=2)",
    "pareto(x)",
    "multivariate_normal(x, np.array([[2.0, 0.5], [0.5, 3.0]]), size=3)",
]


def program(call: str):
    text = f"def f(x, rng):\n    v = rng.{call}\n    return np.sum(v * np.cos(v)) + np.sum(x)\n"
    file = f"<draw {call}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    scope = {"np": np}
    exec(compile(text, file, "exec"), scope)
    return scope["f"]


@pytest.fixture(autouse=True)
def _in_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRCDIFF_JIT", "0")


@pytest.mark.parametrize("call", CALLS)
def test_both_modes_are_differences_with_the_same_noise(call: str) -> None:
    f, x = program(call), np.array([0.7, 1.3])
    handle = differentiate(f)
    found = handle.grad(x, np.random.default_rng(3))
    h = 1e-6
    ahead = [f(x + h * e, np.random.default_rng(3)) for e in np.eye(2)]
    behind = [f(x - h * e, np.random.default_rng(3)) for e in np.eye(2)]
    differences = (np.array(ahead) - np.array(behind)) / (2 * h)
    np.testing.assert_allclose(found, differences, rtol=1e-6)
    along = handle.jvp((x, np.random.default_rng(3)), (np.array([1.0, -2.0]), None))[1]
    assert np.isclose(along, differences @ [1.0, -2.0], rtol=1e-6)


def test_normal_vectors_move_with_the_factor_of_their_covariance() -> None:
    """NumPy takes another root of the covariance: the derivative is that of draws of the same distribution."""

    def draws(cov, rng):
        return rng.multivariate_normal(np.array([1.0, -1.0]), cov, size=4)

    def by_factor(cov, z):
        return np.array([1.0, -1.0]) + z @ np.linalg.cholesky(cov).T

    cov = np.array([[2.0, 0.5], [0.5, 3.0]])
    found = draws(cov, np.random.default_rng(0))
    z = np.linalg.solve(np.linalg.cholesky(cov), (found - [1.0, -1.0]).T).T
    weights = np.arange(8.0).reshape(4, 2)
    ours = grad(lambda cov, rng: np.sum(weights * draws(cov, rng)))(cov, np.random.default_rng(0))
    theirs = grad(lambda cov, z: np.sum(weights * by_factor(cov, z)))(cov, z)
    np.testing.assert_allclose(ours + ours.T, theirs + theirs.T, rtol=1e-12)
    dot = np.array([[0.3, 0.1], [0.1, -0.2]])
    tangent = differentiate(draws).jvp((cov, np.random.default_rng(0)), (dot, None))[1]
    assert np.isclose(np.sum(weights * tangent), np.sum(ours * dot))


def test_pullbacks_are_those_of_the_value_s_draws() -> None:
    def scaled(x, rng):
        return x * rng.standard_normal()

    rng = np.random.default_rng(0)
    value, back = vjp(scaled, 2.0, rng, argnums=0)
    assert 2.0 * back(1.0) == 2.0 * back(1.0) == value
    assert rng.standard_normal() == np.random.default_rng(0).standard_normal(2)[1]


def test_shapes_of_gamma_draws_are_refused() -> None:
    with pytest.raises(
        UnsupportedError, match="the derivative of a draw by `gamma` with respect to argument 1"
    ):
        grad(lambda a, rng: rng.gamma(a))(2.0, np.random.default_rng(0))


def test_compiled_code_draws_what_numpy_draws() -> None:
    def drawn(x, rng):
        total = 0.0
        for _ in range(3):
            total += np.sum(np.exp(x * rng.standard_normal(2))) + rng.uniform(x, 2.0 * x)
            total += rng.exponential(x) + rng.laplace(x, 1.0) + rng.lognormal(x, x)
            total += rng.normal(x, x) * rng.gamma(2.0, x) + rng.logistic(0.0, x) + rng.weibull(x)
        return total

    compiled, interpreted = np.random.default_rng(5), np.random.default_rng(5)
    found = value_and_grad(drawn, jit=True)(0.7, compiled)
    expected = value_and_grad(drawn, jit=False)(0.7, interpreted)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert compiled.random() == interpreted.random()
