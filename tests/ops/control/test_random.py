"""Draws from generators: the derivative of a draw by its parameters, for the same noise."""

from __future__ import annotations

import linecache

import numpy as np
import pytest
from scipy import special
from transforms.sources import source

from srcdiff import UnsupportedError, differentiate, grad, jvp, value_and_grad, vjp

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


CHOICES = [
    "choice(x)",
    "choice(x, 4)",
    "choice(3, size=(2, 2)) * x[0]",
    "choice(x, x.shape, False)",
    "choice(np.outer(x, x), 2)",
    "choice([x[0], 2.0, x[1]], size=3, p=[0.2, 0.3, 0.5])",
    "choice(a=2, p=np.array([0.3, 0.7])) * x",
    "permutation(len(x)) * x",
    "permutation(np.outer(x, x))",
    "integers(3) * x",
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


@pytest.mark.parametrize("call", CALLS + CHOICES)
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


@pytest.mark.long
@pytest.mark.parametrize("call", [c for c in CHOICES if "p=" not in c and "False" not in c])
def test_places_are_drawn_by_compiled_code_too(call: str, monkeypatch) -> None:
    monkeypatch.delenv("SRCDIFF_JIT")
    f, x = program(call), np.array([0.7, 1.3])
    g, ours, theirs = value_and_grad(f, jit=True), *(np.random.default_rng(3) for _ in range(2))
    for _ in range(2):
        assert np.isclose(g(x, ours)[0], f(x, theirs), rtol=1e-12)


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


def test_what_draws_have_no_path_for_is_refused() -> None:
    with pytest.raises(
        UnsupportedError,
        match="the derivative of a draw by `vonmises` with respect to argument 2",
    ):
        grad(lambda k, rng: rng.vonmises(0.0, k))(2.0, np.random.default_rng(0))
    with pytest.raises(UnsupportedError, match="the derivative of gamma_path"):
        grad(grad(lambda a, rng: rng.gamma(a)))(2.0, np.random.default_rng(0))


@pytest.mark.long
def test_compiled_code_draws_what_numpy_draws() -> None:
    def drawn(x, rng):
        total = 0.0
        for _ in range(3):
            total += np.sum(np.exp(x * rng.standard_normal(2))) + rng.uniform(x, 2.0 * x)
            total += rng.exponential(x) + rng.laplace(x, 1.0) + rng.lognormal(x, x)
            total += (
                rng.normal(x, x) * rng.gamma(x, x)
                + rng.beta(x, 2.0)
                + rng.standard_t(x)
                + rng.logistic(0.0, x)
                + rng.weibull(x)
            )
        return total

    compiled, interpreted = np.random.default_rng(5), np.random.default_rng(5)
    found = value_and_grad(drawn, jit=True)(0.7, compiled)
    expected = value_and_grad(drawn, jit=False)(0.7, interpreted)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert compiled.random() == interpreted.random()


@pytest.mark.long
def test_compiled_calls_take_generators_at_any_place() -> None:
    def noise(rng, n):
        return rng.normal(size=n)

    def drawn(first, x, parts, second):
        total = np.sum(x * noise(first, 3)) ** 2 + np.sum(x**2 * noise(parts["rng"], 3))
        return total + x[second.integers(3)] ** 3 * noise(parts["all"][0], 1)[0]

    def generators(seed):
        a, b, c, d = (np.random.default_rng(seed + k) for k in range(4))
        return a, {"rng": b, "all": (c,)}, d

    compiled, plain = (value_and_grad(drawn, argnums=1, jit=jit) for jit in (True, False))
    for seed in (0, 0, 1):  # the second call is a short one
        (a, parts, b), x = generators(seed), np.array([0.3, -1.2, 0.7])
        found = [compiled(a, x, parts, b) for _ in range(2)]  # the generators go on
        a, parts, b = generators(seed)
        for one, other in zip(found, [plain(a, x, parts, b) for _ in range(2)], strict=True):
            assert one[0] == pytest.approx(other[0], rel=1e-12)
            np.testing.assert_allclose(one[1], other[1], rtol=1e-12)


def _moved(name: str, parameters: tuple[float, ...], k: int, x: np.ndarray) -> np.ndarray:
    """How quantiles of the probabilities of draws move with a parameter: differences of SciPy's."""
    of_t = (special.stdtr, special.stdtrit)
    below, quantile = {
        "beta": (special.betainc, special.betaincinv),
        "standard_t": of_t,
    }.get(name, (special.gammainc, special.gammaincinv))
    probability, h = below(*parameters, x), 1e-5
    ends = [
        quantile(*(p + s * h * (j == k) for j, p in enumerate(parameters)), probability)
        for s in (1, -1)
    ]
    return (ends[0] - ends[1]) / (2 * h)


SHAPED = [
    ("beta", (1.7, 0.6), "a"),
    ("beta", (1.7, 0.6), "b"),
    ("standard_gamma", (0.7,), "shape"),
    ("standard_gamma", (4.0,), "shape"),
    ("standard_t", (3.5,), "df"),
]


@pytest.mark.parametrize(("name", "parameters", "wrt"), SHAPED)
def test_draws_move_with_shapes_as_quantiles_do(name, parameters, wrt) -> None:
    def draws(rng, a, b):
        return rng.beta(a, b, size=5)

    programs = {
        "beta": draws,
        "standard_gamma": lambda rng, a: rng.standard_gamma(a, size=5),
        "standard_t": lambda rng, a: rng.standard_t(a, size=5),
    }
    f, k = programs[name], ("a", "b").index(wrt) if name == "beta" else 0
    rng = np.random.default_rng(2)
    found, back = vjp(f, rng, *parameters, argnums=k + 1)
    weights = np.arange(1.0, 6.0)
    expected = _moved(name, parameters, k, found)
    np.testing.assert_allclose(back(weights), weights @ expected, rtol=1e-6)
    moves = (None, *(float(j == k) for j in range(len(parameters))))
    _, along = jvp(f, (np.random.default_rng(2), *parameters), moves)
    np.testing.assert_allclose(along, expected, rtol=1e-6)


def test_scaled_gamma_draws_move_with_shapes() -> None:
    def f(shape, scale, rng):
        return np.sum(rng.gamma(shape, scale, size=3) * np.arange(3.0))

    def g(df, rng):
        return np.sum(rng.chisquare(df, size=3) * np.arange(3.0))

    by_shape = grad(f)(np.array([0.7, 2.0, 5.0]), 2.0, np.random.default_rng(5))
    draws = np.random.default_rng(5).gamma([0.7, 2.0, 5.0], 2.0, size=3)
    moved = [_moved("gamma", (a,), 0, x / 2.0) for a, x in zip([0.7, 2.0, 5.0], draws, strict=True)]
    np.testing.assert_allclose(by_shape, 2.0 * np.array(moved) * np.arange(3.0), rtol=1e-6)
    draws = np.random.default_rng(5).chisquare(3.0, size=3)
    expected = np.sum(_moved("gamma", (1.5,), 0, draws / 2.0) * np.arange(3.0))
    np.testing.assert_allclose(grad(g)(3.0, np.random.default_rng(5)), expected, rtol=1e-6)


def test_dirichlet_draws_move_as_broken_sticks_do() -> None:
    def draws(alpha, rng):
        return rng.dirichlet(alpha, size=4)

    def by_quantiles(alpha, probabilities):
        left, rows = np.ones(4), []
        for k in range(2):
            rows.append(
                left * special.betaincinv(alpha[k], np.sum(alpha[k + 1 :]), probabilities[k])
            )
            left = left - rows[-1]
        return np.stack([*rows, left], axis=1)

    alpha, weights = np.array([0.7, 1.3, 2.0]), np.arange(12.0).reshape(4, 3) % 5
    found, back = vjp(draws, alpha, np.random.default_rng(1), argnums=0)
    shares = found[:, :2] / (1.0 - np.cumsum(found, axis=1)[:, :2] + found[:, :2])
    behind = [2.0 + 1.3, 2.0]
    probabilities = [special.betainc(alpha[k], behind[k], shares[:, k]) for k in range(2)]
    np.testing.assert_allclose(by_quantiles(alpha, probabilities), found, rtol=1e-9)
    ends = [[by_quantiles(alpha + s * 1e-5 * e, probabilities) for s in (1, -1)] for e in np.eye(3)]
    moved = np.array([(a - b) / 2e-5 for a, b in ends])
    np.testing.assert_allclose(back(weights), np.sum(moved * weights, axis=(1, 2)), rtol=1e-6)
    direction = np.array([1.0, -0.5, 2.0])
    _, along = jvp(draws, (alpha, np.random.default_rng(1)), (direction, None))
    np.testing.assert_allclose(along, np.tensordot(direction, moved, axes=1), rtol=1e-6, atol=1e-9)
    one = vjp(lambda a, rng: rng.dirichlet(a), alpha, np.random.default_rng(1), argnums=0)
    np.testing.assert_allclose(one[1](weights[0]), moved[:, 0] @ weights[0], rtol=1e-6)


def test_mean_gradients_of_draws_are_those_of_means() -> None:
    def mean(a, b, rng):
        return np.mean(rng.beta(a, b, size=20_000) ** 2)

    found = grad(mean, argnums=("a", "b"))(1.7, 0.6, np.random.default_rng(0))
    second = [(1.7 + h) * (2.7 + h) / ((2.3 + h) * (3.3 + h)) for h in (1e-6, -1e-6)]
    by_b = [1.7 * 2.7 / ((2.3 + h) * (3.3 + h)) for h in (1e-6, -1e-6)]
    expected = [(a - b) / 2e-6 for a, b in (second, by_b)]
    np.testing.assert_allclose(found, expected, rtol=0.02)


@pytest.mark.parametrize(
    "draw", ["rng.integers(3)", "rng.integers(0, 3)", "rng.integers(low=1, high=n)", "rng.integers(1, high=n)"]
)  # fmt: skip
@pytest.mark.parametrize("size", ["", "size=4", "size=(2, n)", "size=n"])
def test_integers_that_are_drawn_select_elements(draw, size):
    at = draw.replace(")", f", {size})") if size else draw
    f = source(f"def f(x, n, rng):\n    return np.sum(np.sin(x[{at}])) + x[{draw}] ** 2\n")
    x = np.array([0.3, -1.2, 0.7])
    value, d = value_and_grad(f, jit=False)(x, 3, np.random.default_rng(5))
    assert value == f(x, 3, np.random.default_rng(5))
    moved = [f(x + h * d, 3, np.random.default_rng(5)) for h in (1e-6, -1e-6)]
    assert (moved[0] - moved[1]) / 2e-6 == pytest.approx(np.sum(d * d), rel=1e-7)
