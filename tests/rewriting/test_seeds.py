"""What rewriting has to do in the programs of the seeds (rows T4, T7, T11, P5, P6), and leave alone in all others.

Row T25, the sparse Gaussian process, is in `transforms/linalg/test_cholesky_systems.py`.
"""

import mpmath
import numpy as np
import pytest
from corpus_loader import leaves, load
from scipy.special import logsumexp

import srcdiff

EPS = np.finfo(float).eps


# ---- T4 -------------------------------------------------------------------------------------------------


def test_t4_a_factor_is_cancelled_by_name_only():
    def f(x, y):
        return x * y / y

    options = {"argnums": (0, 1), "jit": False, "on_independent": "ignore"}
    plain, asked = (srcdiff.grad(f, rewrite=r, **options) for r in (True, {"cancel": True}))
    assert "/" in plain.source_for(2.0, 3.0) and "/" not in asked.source_for(2.0, 3.0)
    assert asked(2.0, 0.0) == (1.0, 0.0)
    assert srcdiff.value_and_grad(f, jit=False)(2.0, 3.0) == (2.0, 1.0)


# ---- T7: the logistic function ----------------------------------------------------------------------------


def logistic(x):
    return 1 / (1 + np.exp(-x))


def test_t7_the_logistic_function():
    x = np.array([[0.0, 1.0], [-1.0, -2.0]])
    value, slopes = srcdiff.vjp(logistic, x)
    np.testing.assert_allclose(value, [[0.5, 0.73105858], [0.26894142, 0.11920292]], atol=5e-9)
    np.testing.assert_allclose(slopes(np.ones_like(x))[0], value * (1 - value), rtol=4 * EPS)


@pytest.mark.parametrize("jit", [False, True])
def test_t7_its_extremes(jit):
    x = np.array([-1000.0, 1000.0])
    g = srcdiff.value_and_grad(lambda x: np.sum(np.log(logistic(x))), jit=jit)
    value, slope = g(x)
    assert value == -1000.0 and slope.tolist() == [1.0, 0.0]
    with np.errstate(over="ignore"):
        value, slope = srcdiff.value_and_grad(lambda x: np.sum(logistic(x)), jit=jit)(x)
    assert value == 1.0 and slope.tolist() == [0.0, 0.0]


# ---- T11: logistic regression -----------------------------------------------------------------------------


def mean_cost(w, b, X, y):
    p = 1 / (1 + np.exp(-(X @ w) - b))
    nll = -y * np.log(p) - (1 - y) * np.log(1 - p)
    return nll.mean() + 0.01 * (w**2).sum()


def test_t11_its_gradients_are_the_formula():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 784)), rng.integers(0, 2, 40).astype(float)
    g = srcdiff.grad(mean_cost, argnums=(0, 1), jit=False)
    for w, b in ((0.01 * rng.normal(size=784), 0.1), (np.zeros(784), 0.0)):
        p = 1 / (1 + np.exp(-(X @ w) - b))
        d_w, d_b = g(w, b, X, y)
        np.testing.assert_allclose(d_w, X.T @ (p - y) / 40 + 0.02 * w, atol=1e-14)
        assert d_b == pytest.approx(np.mean(p - y), rel=1e-12)


def test_t11_separable_data_and_large_weights():
    rng = np.random.default_rng(1)
    y = np.repeat([0.0, 1.0], 50)
    X = rng.normal(size=(100, 5)) + 8 * (y[:, None] - 0.5)
    g = srcdiff.value_and_grad(mean_cost, argnums=(0, 1), jit=False)
    value, (d_w, d_b) = g(np.full(5, 50.0), 0.0, X, 1 - y)
    assert np.isfinite(value) and np.all(np.isfinite(d_w)) and np.isfinite(d_b)
    w, b, costs = np.zeros(5), 0.0, []
    for _ in range(200):
        cost, (d_w, d_b) = g(w, b, X, y)
        costs.append(cost)
        w, b = w - 0.1 * d_w, b - 0.1 * d_b
    assert np.all(np.diff(costs) < 0)


def newton_optimum(X, y):
    """Where the gradient of the mean cost is 0, by Newton's steps of weights and offset."""
    Z, ridge = np.column_stack([X, np.ones(len(X))]), np.diag([0.02] * X.shape[1] + [0.0])
    v = np.zeros(X.shape[1] + 1)
    for _ in range(20):
        p = 1 / (1 + np.exp(-Z @ v))
        slope = Z.T @ (p - y) / len(y) + ridge @ v
        v = v - np.linalg.solve((Z.T * (p * (1 - p))) @ Z / len(y) + ridge, slope)
    return v


def test_t11_descent_ends_at_newtons_optimum():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(60, 4))
    y = (X @ np.array([1.0, -2.0, 0.5, 0.0]) + 0.3 + rng.logistic(size=60) > 0).astype(float)
    g = srcdiff.grad(mean_cost, argnums=(0, 1), jit=False)
    w, b = np.zeros(4), 0.0
    for _ in range(4000):
        d_w, d_b = g(w, b, X, y)
        w, b = w - 0.1 * d_w, b - 0.1 * d_b
    np.testing.assert_allclose([*w, b], newton_optimum(X, y), atol=1e-6)


# ---- P5: matrices -----------------------------------------------------------------------------------------


def test_p5_adjoints_of_inverses_and_determinants():
    rng = np.random.default_rng(2)
    A, C = rng.normal(size=(3, 3)) + 3 * np.eye(3), rng.normal(size=(3, 3))
    inverse = np.linalg.inv(A)
    found = srcdiff.grad(lambda A: np.sum(C * np.linalg.inv(A)), jit=False)(A)
    np.testing.assert_allclose(found, -inverse.T @ C @ inverse.T, rtol=1e-12)
    found = srcdiff.grad(lambda A: np.linalg.slogdet(A)[1], jit=False)(A)
    np.testing.assert_allclose(found, inverse.T, rtol=1e-12)
    srcdiff.check_grads(lambda A: np.sum(C * np.linalg.inv(A)) + np.linalg.slogdet(A)[1], A)


def test_p5_no_inverse_and_no_large_product_is_left():
    def f(A, B, x):
        return np.linalg.inv(A) @ x @ B @ x + np.sum((A @ B) @ x)

    A, B, x = np.eye(3) + 0.1, np.ones((3, 3)), np.ones(3)
    text = srcdiff.value_and_grad(f, argnums=(0, 1, 2), jit=False).source_for(A, B, x)
    assert "inv(" not in text and "A @ B" not in text


# ---- P6: naive spellings at their extremes ------------------------------------------------------------------

ROWS = ([1000.0, 999.0], [-1000.0, -1001.0], [700.0, -700.0], [0.0, 1e-9])
NUMBERS = (-1000.0, 1000.0, 40.0, -40.0, 1e-300, -1e-17, 0.3)
SMALL = (1e-300, -1e-17, 1e-9, 0.3)
SPELLINGS = {
    "log of a sigmoid": (lambda x: np.log(1 / (1 + np.exp(-x))), lambda x: -mpmath.log1p(mpmath.exp(-x)), NUMBERS),
    "one less a sigmoid": (lambda x: np.log(1 - 1 / (1 + np.exp(-x))), lambda x: -mpmath.log1p(mpmath.exp(x)), NUMBERS),
    "scaled": (lambda x: 2.0 * np.log(1 + np.exp(x)),
               lambda x: 2 * mpmath.log1p(mpmath.exp(x)), NUMBERS),
    "log of one more": (lambda x: np.log(1 + x), mpmath.log1p, SMALL),
    "log of one less": (lambda x: -np.log(1 - x), lambda x: -mpmath.log1p(-x), SMALL),
    "root of one more": (lambda x: np.sqrt(1 + x) - 1, lambda x: x / (mpmath.sqrt(1 + x) + 1), SMALL),
    "exp less one": (lambda x: np.exp(x) - 1, mpmath.expm1, SMALL),
    "one less exp": (lambda x: 3.0 * (1 - np.exp(x)), lambda x: -3 * mpmath.expm1(x), SMALL),
}  # fmt: skip


@pytest.mark.parametrize("name", SPELLINGS)
def test_p6_numbers(name):
    f, exact, points = SPELLINGS[name]
    g = srcdiff.value_and_grad(f, jit=False)
    for x in points:
        with mpmath.workdps(800):
            value, slope = (
                exact(mpmath.mpf(x)),
                mpmath.diff(exact, mpmath.mpf(x), h=mpmath.mpf(10) ** -500),
            )
            moved = abs(x * slope)
            found = g(x)
            assert abs(found[0] - value) <= 4 * EPS * (abs(value) + moved) + 1e-320, x
            assert abs(found[1] - slope) <= 4 * EPS * abs(slope) * (1 + abs(x)) + 1e-320, x


OF_ROWS = {
    "sum of exponentials": lambda x: np.log(np.sum(np.exp(x))),
    "scaled and shifted": lambda x: 0.5 * np.log(np.sum(np.exp(x))) - 3.0,
    "log of softmax": lambda x: -np.log(np.exp(x) / np.sum(np.exp(x)))[0],
    "cross entropy": lambda x: -np.sum(np.array([1.0, 0.0]) * np.log(np.exp(x) / np.exp(x).sum())),
}


@pytest.mark.parametrize("name", OF_ROWS)
def test_p6_rows(name):
    f = OF_ROWS[name]
    g = srcdiff.value_and_grad(f, jit=False)
    for row in ROWS:
        x = np.array(row)
        p = np.exp(x - logsumexp(x))
        value, slope = g(x)
        wanted = {
            "sum of exponentials": (logsumexp(x), p),
            "scaled and shifted": (0.5 * logsumexp(x) - 3.0, 0.5 * p),
        }.get(name, (logsumexp(x) - x[0], p - np.array([1.0, 0.0])))
        np.testing.assert_allclose(value, wanted[0], rtol=1e-15, atol=4 * EPS * np.max(np.abs(x)))
        np.testing.assert_allclose(slope, wanted[1], rtol=1e-13, atol=4 * EPS * np.max(np.abs(x)))


@pytest.mark.parametrize("size", [1e-200, 1e-9, 1.0, 1e200])
def test_p6_norms_and_determinants(size):
    x = size * np.array([3.0, -4.0])
    norm = srcdiff.value_and_grad(lambda x: np.sqrt(np.sum(x**2)), jit=False)
    value, slope = norm(x)
    np.testing.assert_allclose(value, 5.0 * size, rtol=4 * EPS)
    np.testing.assert_allclose(slope, [0.6, -0.8], rtol=4 * EPS)
    value, slope = norm(np.zeros(2))
    assert value == 0.0 and slope.tolist() == [0.0, 0.0]
    A = size * np.array([[2.0, 1.0, 0.0], [1.0, 2.0, 0.5], [0.0, 0.5, 2.0]])
    log_det = srcdiff.value_and_grad(lambda A: np.log(np.linalg.det(A)), jit=False)
    value, slope = log_det(A)
    np.testing.assert_allclose(value, np.log(5.5) + 3.0 * np.log(size), rtol=4 * EPS)
    np.testing.assert_allclose(slope, np.linalg.inv(A / size).T / size, rtol=1e-14, atol=EPS / size)


# ---- all others ---------------------------------------------------------------------------------------------


def agrees(program):
    """Rewriting on equals rewriting off wherever the naive form is accurate, which it is on the corpus."""
    options = {"argnums": program.wrt, "jit": False, "on_independent": "ignore"}
    on = srcdiff.value_and_grad(program.function, rewrite={"scaled_probabilities": True}, **options)
    off = srcdiff.value_and_grad(program.function, rewrite=False, **options)
    for k in range(len(program.examples)):
        with np.errstate(all="ignore"):
            found, wanted = (leaves(g(*program.arguments(k))) for g in (on, off))
        for a, b in zip(found, wanted, strict=True):
            if b is None:  # an integer field's gradient
                assert a is None
                continue
            size = np.max(np.abs(b), initial=0.0) if np.size(b) else 0.0
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-9 * (1 + size))


@pytest.mark.parametrize("program", load("all")[::8], ids=repr)
def test_the_corpus_is_the_same(program):
    agrees(program)


@pytest.mark.slow
@pytest.mark.parametrize("program", load("all"), ids=repr)
def test_all_of_the_corpus_is_the_same(program):
    agrees(program)
