"""Quotients of sums of exponentials: as mpmath's far out, as without rewriting near by; what is in no danger stays."""

import mpmath as mp
import numpy as np
import pytest
from rewriting.test_spellings import compare_with_mpmath
from scipy.special import expit

import srcdiff


def density(x, m):
    return 0.5 * np.exp(-0.5 * (x - m) ** 2)


def of_three(x):
    a, b, c = np.exp(x[0]), np.exp(x[1]), np.exp(x[2])
    z = a + b + c
    return (a + 2.0 * b) / z


def by_statements(x):
    weights = np.exp(x[0]), np.exp(x[1])
    return (x[0] * weights[0] - x[1] * weights[1]) / (weights[0] + 3 * weights[1])


def shares_of_two(x):
    a, b = 0.25 * density(x, 1.0), 0.75 * density(x, -1.0)
    return np.sum(a / (a + b) * np.array([1.0, 2.0, 3.0]))


def in_a_loop(x):
    total = 0.0
    for k in range(len(x)):
        a, b = density(x[k], 1.0), density(x[k], -1.0)
        total += (k + 1) * a / (a + 3.0 * b)
    return total


def of_rows(x):
    K = np.exp(-0.5 * (x[:, None] - np.array([0.0, 2.0, 8.0])) ** 2)
    w = np.array([0.25, 0.5, 0.25])
    r = K * w / (K @ w)[:, None]
    return np.sum(r[:, 1])


def mp_exponents(exponents, above, below):
    top = max(exponents)
    weights = [mp.exp(a - top) for a in exponents]
    return mp.fdot(above, weights) / mp.fdot(below, weights)


def mp_shares(x):
    return [mp_exponents([2 * a, 0], [1, 0], [1, 3]) for a in x]


def mp_rows(x):
    return mp.fsum(
        mp_exponents([-((a - m) ** 2) / 2 for m in (0, 2, 8)], [0, 2, 0], [1, 2, 1]) for a in x
    )


SPELLINGS = {
    "three numbers": (of_three, lambda x: mp_exponents(x, [1, 2, 0], [1, 1, 1])),
    "statements": (by_statements, lambda x: mp_exponents(x[:2], [x[0], -x[1]], [1, 3])),
    "by one": (lambda x: 2.0 / (1.0 + np.exp(x[1] - x[0]) + np.exp(x[2] - x[0])),
               lambda x: mp_exponents(x, [2, 0, 0], [1, 1, 1])),
    "by a power": (lambda x: np.exp(x[0]) * np.exp(x[1]) / (np.exp(x[0]) + np.exp(x[1])) ** 2,
                   lambda x: mp_exponents(x[:2], [1, 0], [1, 1]) * mp_exponents(x[:2], [0, 1], [1, 1])),
    "shares": (shares_of_two, lambda x: mp.fdot([1, 2, 3], mp_shares(x))),
    "a loop": (in_a_loop, lambda x: mp.fdot([1, 2, 3], mp_shares(x))),
    "rows": (of_rows, mp_rows),
}  # fmt: skip
ROWS = (
    [1000.0, 999.0, 998.5],
    [-1000.0, -1001.0, -1000.0],
    [700.0, -700.0, 699.0],
    [0.5, -1.0, 2.0],
)


@pytest.mark.parametrize("name", SPELLINGS)
def test_quotients_are_as_exact_as_their_terms(name):
    f, exact = SPELLINGS[name]
    g = srcdiff.value_and_grad(f, jit=False)
    assert "quotient_of_sums" in srcdiff.explain(g, np.ones(3)).rewritten[-1]
    for x in ROWS:
        compare_with_mpmath(g, exact, x)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("f", [of_three, shares_of_two, in_a_loop, of_rows])
def test_near_by_it_is_the_same(f, jit):
    on = srcdiff.value_and_grad(f, jit=jit)
    off = srcdiff.value_and_grad(f, jit=False, rewrite={"quotient_of_sums": False})
    for x in np.random.default_rng(0).normal(size=(5, 3)):
        found, wanted = on(x), off(x)
        np.testing.assert_allclose(found[0], wanted[0], rtol=1e-14)
        np.testing.assert_allclose(found[1], wanted[1], rtol=1e-12, atol=1e-15)


def test_second_derivatives_and_tangents_are_shifted_too():
    def f(x):
        return np.exp(x[0]) / (np.exp(x[0]) + np.exp(x[1]) + np.exp(x[2]))

    near, far = np.array([0.5, -1.0, 2.0]), np.array([900.5, 899.0, 902.0])
    np.testing.assert_allclose(
        srcdiff.hessian(f, jit=False)(far),
        srcdiff.hessian(f, jit=False, rewrite=False)(near),
        rtol=1e-12,
    )
    _, found = srcdiff.jvp(f, (far,), (np.array([1.0, 0.5, 0.0]),))
    _, wanted = srcdiff.jvp(f, (near,), (np.array([1.0, 0.5, 0.0]),), rewrite=False)
    np.testing.assert_allclose(found, wanted, rtol=1e-13)


def test_masked_exponents_are_infinite():
    x = np.array([-np.inf, 0.5, -1.0])
    value, d_x = srcdiff.value_and_grad(of_three, jit=False)(x)
    p = expit(1.5)
    np.testing.assert_allclose(value, 2.0 * p)
    np.testing.assert_allclose(d_x[1:], [2.0 * p * (1 - p), -2.0 * p * (1 - p)])


KEPT = {
    "a logistic function": lambda x: np.sum(x / (1 + np.exp(-x))),
    "an overlap": lambda x: 2 * np.sum(expit(x) * x) / (np.sum(expit(x)) + np.sum(x)),
    "a kernel and a number": lambda x: np.sum(np.exp(-(x**2)) / (0.5 + np.exp(-(x**2)))),
    "a kernel and a square": lambda x: np.sum(1 / (x**2 + 2 * np.exp(-np.abs(x)))),
    "shifted by hand": lambda x: np.exp(x[0] - np.max(x)) / (np.exp(x[0] - np.max(x)) + np.exp(x[1] - np.max(x))),
    "one exponential": lambda x: np.sum(x / np.exp(x)),
    "no exponential": lambda x: np.sum(x / (x + 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_what_neither_overflows_nor_vanishes_stays(name):
    rewritten = srcdiff.explain(srcdiff.grad(KEPT[name], jit=False), np.ones(3)).rewritten
    assert not any("quotient_of_sums" in line for line in rewritten)


def test_what_is_negative_somewhere_is_a_factor():
    def f(x):
        return np.sum((np.exp(x) - 1.0) / (np.exp(x) + 2.0))

    x = np.array([-1.5, 0.25, 2.0])
    found = srcdiff.value_and_grad(f, jit=False)(x)
    wanted = srcdiff.value_and_grad(f, jit=False, rewrite=False)(x)
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-14)
    np.testing.assert_allclose(found[1], wanted[1], rtol=1e-13)


def test_no_logarithm_of_what_vanishes() -> None:
    def shares(z, X):
        B = np.exp(X)
        p = expit(z) * B[:, 0]
        return p / np.sum(p)

    def mean(z, X):
        return np.sum(shares(z, X) * np.arange(3.0))

    z, X = np.array([-1000.0, 0.0, 1.0]), np.array([[0.3], [0.2], [0.5]])
    g = srcdiff.grad(mean, argnums=(0, 1), jit=False)
    assert "np.log" not in g.source_for(z, X)
    with np.errstate(all="raise", under="ignore"):
        found = g(z, X)
    for ours, naive in zip(
        found, srcdiff.grad(mean, argnums=(0, 1), rewrite=False)(z, X), strict=True
    ):
        np.testing.assert_allclose(ours, naive, rtol=1e-13, atol=1e-300)
