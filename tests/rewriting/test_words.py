"""Rewritings in all words that say the same, in loops, and of either sign: value and gradient as mpmath's."""

import math

import mpmath as mp
import numpy as np
import pytest
from rewriting.test_spellings import (
    DIGITS,
    ROWS,
    STEP,
    compare_with_mpmath,
    log_sum,
    nearly,
    softplus,
)
from scipy.special import erf, erfc, expit, ndtr

import srcdiff

# ---- a rewriting never takes a value away -----------------------------------------------------------------

SIGNS = {
    "sum with expm1": (lambda x: np.log(2 + np.expm1(x)), (-1.0, 1.0)),
    "less expm1": (lambda x: np.log(5 - 2 * np.expm1(x)), (-1.0, 0.5)),
    "square of a difference": (lambda x: np.log((np.exp(x) - 1) ** 2), (-1.0, 1.0)),
    "over what is negative, too": (lambda x: np.log(np.expm1(x) / x), (-1.0, 1.0)),
    "twice negative": (lambda x: np.log(3 * (1 - np.exp(x)) * (-1)), (1.0,)),
    "times a difference": (lambda x: np.log((1 - np.exp(x)) * (2 - x)), (3.0, -1.0)),
    "root of a square": (lambda x: np.log(np.sqrt((1 - np.exp(x)) ** 2)), (3.0, -1.0)),
    "factor and divisor": (lambda x: np.log(x * np.exp(x) / (x - 3)), (-1.0, 5.0)),
    "chosen": (lambda x: np.log(np.where(x > 0, np.expm1(x), 1 - np.exp(x))), (-2.0, 2.0)),
    "sinh of either sign": (lambda x: np.log(np.sinh(x) * x), (-2.0, 2.0)),
    "tanh of either sign": (lambda x: np.log(np.tanh(x) ** 2), (-2.0, 2.0)),
    "even power": (lambda x: np.log(x**4), (-2.0, 2.0)),
    "odd power": (lambda x: np.log(x**-3), (0.5, 2.0)),
    "power with an exponential": (lambda x: np.log(x**2 * np.exp(-x)), (-2.0, 2.0)),
}


@pytest.mark.parametrize("name", SIGNS)
def test_what_has_a_logarithm_keeps_it(name):
    f, points = SIGNS[name]
    for x in points:
        on, off = (srcdiff.value_and_grad(f, jit=False, rewrite=r)(x) for r in (True, False))
        assert on == pytest.approx(off, rel=1e-13), x


@pytest.mark.parametrize(
    "f", [lambda x: np.log(np.sum((1 - np.exp(x)) ** 2)), lambda x: np.log(np.prod(np.expm1(x)))]
)
def test_sums_and_products_of_what_is_negative(f):
    x = np.array([-3.0, 0.5, 1.0, -1.0])
    (value, slopes), (same, also) = (
        srcdiff.value_and_grad(f, jit=False, rewrite=r)(x) for r in (True, False)
    )
    assert value == pytest.approx(same, rel=1e-14)
    np.testing.assert_allclose(slopes, also, rtol=1e-12)


# ---- numbers ----------------------------------------------------------------------------------------------


def mp_tanh(x):
    return (1 - mp.exp(-2 * x)) / (1 + mp.exp(-2 * x))


def mp_log_normal(x):
    return mp.log(mp.erfc(-x / mp.sqrt(2)) / 2)


def in_python(x):
    return math.log(1 + math.exp(x))


FAR = (-1000.0, 1000.0, -40.0, 40.0, 0.3, -3.0)
NEAR = (1e-300, 1e-17, -1e-17, 1e-9, 0.3)
TAILS = (-36.0, -5.0, 0.3, 30.0)
NUMBERS = {
    "softplus less x": (lambda x: np.log(1 + np.exp(x)) - x, lambda x: softplus(-x), FAR),
    "x less softplus": (lambda x: x - np.log(np.exp(x) + 1), lambda x: -softplus(-x), FAR),
    "math": (in_python, softplus, FAR),
    "x plus softplus of -x": (lambda x: x + np.log(1 + np.exp(-x)), softplus, FAR),
    "scaled, in two lines": (lambda x: np.log(np.exp(3 * x)) - np.log(np.exp(3 * x) + 1),
                             lambda x: -softplus(-3 * x), FAR),
    "log of softplus": (lambda x: np.log(np.log(1 + np.exp(x))), lambda x: mp.log(softplus(x)), (*FAR, -36.0, -38.0)),
    "log of softplus in bits": (lambda x: np.log(np.log1p(np.exp(x)) / np.log(2.0)),
                                lambda x: mp.log(softplus(x) / mp.log(mp.mpf(2))), (-1000.0, 1000.0, -40.0)),
    "complementary log-log": (lambda x: np.log(-np.log(1 - expit(x))), lambda x: mp.log(softplus(x)), FAR),
    "sigmoid less one": (lambda x: -(expit(x) - 1), lambda x: 1 / (1 + mp.exp(x)), FAR),
    "the same by hand": (lambda x: 1 / (1 + np.exp(-x)) - 1, lambda x: -1 / (1 + mp.exp(x)), FAR),
    "log of one over a probability less one": (lambda x: -np.log(1 / expit(x) - 1), lambda x: x, FAR),
    "log of one over one more": (lambda x: -np.log(1 / (1 + x)), mp.log1p, NEAR),
    "log of a root of one more": (lambda x: 2 * np.log(np.sqrt(1 + x)), mp.log1p, NEAR),
    "share of a difference": (lambda x: np.log((np.exp(x) - 1) / np.exp(x)), lambda x: mp.log(-mp.expm1(-x)),
                              (1e-9, 0.3, 3.0, 40.0)),
    "tanh at both ends": (lambda x: (1 - np.exp(-2 * x)) / (1 + np.exp(-2 * x)), mp_tanh, (40.0, -40.0, 300.0)),
    "a number times a share": (lambda x: x * np.exp(x) / (1 + np.exp(x)), lambda x: x / (1 + mp.exp(-x)),
                               (1e150, 1000.0, 40.0, -3.0, -700.0)),
    "e ** x": (lambda x: np.log(1 + np.e**x), softplus, FAR),
    "log of (1 + tanh) / 2": (lambda x: np.log(0.5 * (1 + np.tanh(x / 2))), lambda x: -softplus(-x), FAR),
    "log of 1 - tanh ** 2": (lambda x: np.log(1 - np.tanh(x) ** 2), lambda x: -2 * mp.log(mp.cosh(x)), FAR),
    "1 - tanh": (lambda x: 1 - np.tanh(x), lambda x: 2 / (1 + mp.exp(2 * x)), (40.0, 3.0, 0.3)),
    "2 sigmoid - 1": (lambda x: 2 / (1 + np.exp(-2 * x)) - 1, mp_tanh, (*FAR[:2], 0.3, 1e-9, 1e-300)),
    "2 expit - 1": (lambda x: 2 * expit(2 * x) - 1, mp_tanh, (*FAR[:2], 0.3, 1e-9, 1e-300)),
    "(1 - e) / (1 + e)": (lambda x: (1 - np.exp(-2 * x)) / (1 + np.exp(-2 * x)), mp_tanh, (-1000.0, 1000.0, 1e-9)),
    "sinh / cosh": (lambda x: np.sinh(x) / np.cosh(x), mp_tanh, (-1000.0, 1000.0, 0.3)),
    "logistic density": (lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2,
                         lambda x: 1 / (1 + mp.exp(-x)) / (1 + mp.exp(x)), FAR),
    "log of 2 cosh": (lambda x: np.log(2 * np.cosh(x)), lambda x: mp.log(2 * mp.cosh(x)), FAR),
    "log of cosh by hand": (lambda x: np.log((np.exp(x) + np.exp(-x)) / 2), lambda x: mp.log(mp.cosh(x)), (*FAR, 1e-9)),
    "log of sinh": (lambda x: np.log(np.sinh(x)), lambda x: mp.log(mp.sinh(x)), (1e-300, 1e-9, 0.3, 1000.0)),
    "log of tanh": (lambda x: np.log(np.tanh(x)), lambda x: mp.log(mp_tanh(x)), (1e-300, 1e-9, 0.3, 40.0)),
    "log of ndtr": (lambda x: np.log(ndtr(x)), mp_log_normal, TAILS),
    "probit": (lambda x: 0.25 * np.log(ndtr(x)) + 0.75 * np.log(1 - ndtr(x)),
               lambda x: mp_log_normal(x) / 4 + 3 * mp_log_normal(-x) / 4, (-9.0, 0.3, 9.0)),
    "1 - ndtr": (lambda x: 1 - ndtr(x), lambda x: mp.erfc(x / mp.sqrt(2)) / 2, (-3.0, 9.0, 30.0)),
    "1 - erf": (lambda x: 1 - erf(x), mp.erfc, (-3.0, 6.0, 20.0)),
    "log of (1 + erf) / 2": (lambda x: np.log(0.5 * (1 + erf(x / np.sqrt(2)))), mp_log_normal, TAILS),
    "log of erfc": (lambda x: np.log(0.5 * erfc(-x / np.sqrt(2))), mp_log_normal, TAILS),
    "arctanh": (lambda x: 0.5 * np.log((1 + x) / (1 - x)), mp.atanh, NEAR),
    "root less one": (lambda x: np.sqrt(1 + x**2) - 1, lambda x: mp.sqrt(1 + x**2) - 1, (*NEAR, 1e100)),
    "one less a root": (lambda x: 1 - np.sqrt(1 - x), lambda x: 1 - mp.sqrt(1 - x), NEAR),
    "pseudo-Huber": (lambda x: 4.0 * (np.sqrt(1 + (x / 2.0) ** 2) - 1),
                     lambda x: 4 * (mp.sqrt(1 + x**2 / 4) - 1), NEAR),
    "2 ** x - 1": (lambda x: 2**x - 1, lambda x: mp.expm1(x * mp.log(2)), NEAR),
    "exp(x) - exp(-x)": (lambda x: np.exp(x) - np.exp(-x), lambda x: 2 * mp.sinh(x), NEAR),
    "cos - 1": (lambda x: np.cos(x) - 1, lambda x: mp.cos(x) - 1, (1e-9, 1e-100, 0.3)),
    "log of a square": (lambda x: np.log(x**2), lambda x: 2 * mp.log(abs(x)), (1e-200, -1e250, 3.0)),
    "Student's t": (lambda x: np.log((1 + x**2 / 5.0) ** -3.0), lambda x: -3 * mp.log1p(x**2 / 5), (*NEAR, 1e100)),
    "Poisson": (lambda x: np.log(x**400 * np.exp(-x) / 3.0), lambda x: 400 * mp.log(x) - x - mp.log(3), (1e-3, 1e3)),
}  # fmt: skip
OF_PROBABILITIES = ("1 - tanh", "2 sigmoid - 1", "2 expit - 1", "(1 - e) / (1 + e)", "sinh / cosh")


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers(name):
    f, exact, points = NUMBERS[name]
    g = srcdiff.value_and_grad(f, jit=False, on_independent="ignore")
    for x in points:
        with mp.workdps(DIGITS), np.errstate(over="ignore"):
            at, step = mp.mpf(x), STEP * max(abs(mp.mpf(x)), mp.mpf(10) ** -310)
            below, value, above = exact(at - step), mp.mpf(exact(at)), exact(at + step)
            slope, bend = (above - below) / (2 * step), (above - 2 * value + below) / step**2
            found = g(np.float64(x))
            assert nearly(found[0], value, abs(x * slope)), x
            lost = 1 if name in OF_PROBABILITIES else 0  # 1 - p ** 2, where p is near 1
            assert nearly(found[1], slope, abs(x * bend) + abs(slope * value) + lost), x


# ---- rows: loops, products, shares ------------------------------------------------------------------------

W = np.array([0.25, -0.125, 0.5])
VALUES = np.array([1.0, -2.0, 5.0])
MASK = np.array([True, False, True])


def by_index(x):
    t = 0.0
    for i in range(len(x)):
        t += np.exp(x[i])
    return np.log(t)


def by_elements(x):
    t = 1.0
    for v in x:
        t = t + np.exp(v)
    return 2 * np.log(t)


def from_the_first(x):
    t = 3 * np.exp(x[0])
    for i in range(1, len(x)):
        t += np.exp(x[i])
    return np.log(t)


def of_states(x):
    t = s = 0.0
    for v in x:
        s = 0.5 * s + v
        t += np.exp(s)
    return np.log(t)


def states(x):
    found, s = [], mp.mpf(0)
    for v in x:
        s = s / 2 + v
        found.append(s)
    return found


def products(x):
    p = 1.0
    for i in range(len(x)):
        p *= 1 / (1 + np.exp(-x[i]))
    return np.log(p)


def densities(x):
    p = 1.0
    for i in range(len(x)):
        p *= VALUES[i] ** 2 * np.exp(-0.5 * x[i] ** 2)
    return np.log(p)


def mixtures(x):
    total = np.zeros(len(x))
    for k in range(3):
        total += (k + 1) * np.exp(-0.5 * (x - k) ** 2)
    return np.sum(np.log(total))


def mp_mixtures(x):
    return mp.fsum(log_sum([mp.log(k + 1) - (a - k) ** 2 / 2 for k in range(3)]) for a in x)


def shares_in_loops(x):
    t = 0.0
    for i in range(len(x)):
        t += np.exp(x[i])
    s = 0.0
    for i in range(len(x)):
        s += VALUES[i] * np.exp(x[i]) / t
    return s


def mp_mean(x):
    log_z = log_sum(x)
    return mp.fsum(mp.mpf(v) * mp.exp(a - log_z) for a, v in zip(x, VALUES, strict=True))


def mp_shares(x, weights):
    top = max(x)
    e = [mp.mpf(w) * mp.exp(a - top) for a, w in zip(x, weights, strict=True)]
    return mp.fsum(mp.mpf(v) * a for a, v in zip(e, VALUES, strict=True)) / mp.fsum(e)


OF_ROWS = {
    "loop": (by_index, log_sum),
    "sum": (lambda x: np.log(sum(np.exp(x))), log_sum),
    "loop from one": (by_elements, lambda x: 2 * log_sum([mp.mpf(0), *x])),
    "loop from the first": (from_the_first, lambda x: log_sum([x[0] + mp.log(3), *x[1:]])),
    "loop of states": (of_states, lambda x: log_sum(states(x))),
    "product": (products, lambda x: -mp.fsum(softplus(-a) for a in x)),
    "product of densities": (densities, lambda x: mp.log(100) - mp.fsum(a * a for a in x) / 2),
    "mixtures": (mixtures, mp_mixtures),
    "shares in loops": (shares_in_loops, mp_mean),
    "einsum": (lambda x: np.log(np.einsum("i,i", np.exp(x), VALUES**2)),
               lambda x: log_sum([a + mp.log(mp.mpf(v) ** 2) for a, v in zip(x, VALUES, strict=True)])),
    "chosen": (lambda x: np.log(np.sum(np.where(MASK, np.exp(x), 0.0))), lambda x: log_sum([x[0], x[2]])),
    "masked": (lambda x: np.log(np.sum(MASK * np.exp(x))), lambda x: log_sum([x[0], x[2]])),
    "product of exponentials": (lambda x: np.sum(np.log(np.exp(x) @ np.exp(np.outer(W, VALUES)))),
                                lambda x: mp.fsum(log_sum([a + mp.mpf(w * v) for a, w in zip(x, W, strict=True)])
                                                  for v in VALUES)),
    "mean": (lambda x: np.sum(VALUES * np.exp(x)) / np.sum(np.exp(x)), mp_mean),
    "mean by a product": (lambda x: np.exp(x) @ VALUES / np.exp(x).sum(), mp_mean),
    "average": (lambda x: np.average(VALUES, weights=np.exp(x)), mp_mean),
    "shares": (lambda x: VALUES @ (np.exp(x) * (1 / np.sum(np.exp(x)))), mp_mean),
    "weighted shares": (lambda x: VALUES @ (W * np.exp(x) / np.sum(W * np.exp(x))), lambda x: mp_shares(x, W)),
    "effective size": (lambda x: np.sum(np.exp(x)) ** 2 / np.sum(np.exp(x) ** 2),
                       lambda x: mp.exp(2 * log_sum(x) - log_sum([2 * a for a in x]))),
}  # fmt: skip


@pytest.mark.parametrize("name", OF_ROWS)
def test_rows(name):
    f, exact = OF_ROWS[name]
    rows = [[800.0, 799.0, 798.5], [-1000.0, -1001.0, -1002.0], [0.5, 1e-9, -2.0]]
    rows += ROWS[:1] if "size" not in name and "shares" not in name else []
    for row in rows:
        compare_with_mpmath(srcdiff.value_and_grad(f, jit=False), exact, row)


def of_one_row(x, i):
    e = np.exp(x)
    by_none = e / e.sum(axis=1)[:, None]
    transposed = (e.T / e.sum(axis=1)).T
    return (
        np.log(by_none)[i, 1] + np.log(transposed)[i, 0] + by_none[i, 1]
        + np.sum((e @ VALUES) / e.sum(axis=1)) + np.log(np.einsum("ij,j->i", e, VALUES**2))[i]
    )  # fmt: skip


def test_matrices_of_exponentials():
    x = np.array([[1000.0, 999.0, -1000.0], [-1000.0, -1003.0, -1001.0]])
    g, off = (srcdiff.value_and_grad(of_one_row, jit=False, rewrite=r) for r in (True, False))
    assert "softmax" in g.source_for(x, 0)
    for i in (0, 1):
        shifted = x - x.max(axis=1, keepdims=True)
        value, slopes = g(x, i)
        plain, also = off(np.maximum(shifted, -700.0), i)
        lost = np.sum(x.max(axis=1)[i])  # of the logarithm of the last term
        assert value == pytest.approx(plain + lost, rel=1e-13)
        slopes[i] -= np.exp(shifted[i]) * VALUES**2 / np.sum(np.exp(shifted[i]) * VALUES**2)
        also[i] -= np.exp(shifted[i]) * VALUES**2 / np.sum(np.exp(shifted[i]) * VALUES**2)
        np.testing.assert_allclose(slopes, also, atol=1e-12)


# ---- variances --------------------------------------------------------------------------------------------

Y = np.array([1.0, -2.0, 5.0]) + 1e7
SPREADS = {
    "squares": lambda x: np.mean(np.square(x)) - np.square(np.mean(x)),
    "scaled": lambda x: (3 * np.mean(x**2) - 3 * np.mean(x) ** 2) / 3,
    "negative first": lambda x: -(np.mean(x) ** 2) + np.mean(x**2),
    "dot": lambda x: np.dot(x, x) / len(x) - np.mean(x) ** 2,
    "less the square of the sum": lambda x: (np.sum(x**2) - np.sum(x) ** 2 / len(x)) / len(x),
    "less n squares of the mean": lambda x: (np.sum(x * x) - x.size * x.mean() ** 2) / x.size,
    "weighted": lambda x: np.average(x**2, weights=np.ones(3)) - np.average(x, weights=np.ones(3)) ** 2,
    "columns": lambda x: np.sum(np.sum(x[:, None] ** 2, axis=0) - np.sum(x[:, None], axis=0) ** 2 / len(x)) / len(x),
}  # fmt: skip


@pytest.mark.parametrize("name", SPREADS)
def test_variances(name):
    x = 1e8 + np.array([0.0, 1.0, 3.0])
    value, slopes = srcdiff.value_and_grad(SPREADS[name], jit=False)(x)
    assert value == pytest.approx(14 / 9, rel=1e-14)
    np.testing.assert_allclose(slopes, 2 * (x - x.mean()) / 3, rtol=1e-7)


def test_covariances():
    x = 1e8 + np.array([0.0, 1.0, 3.0])
    f = lambda x, y: np.mean(x * y) - np.mean(x) * np.mean(y)
    value, (d_x, d_y) = srcdiff.value_and_grad(f, argnums=(0, 1), jit=False)(x, Y)
    assert value == pytest.approx(23 / 9, rel=1e-8)  # means of 1e8 / 3 are rounded
    np.testing.assert_allclose(d_x, (Y - Y.mean()) / 3, rtol=1e-8)
    np.testing.assert_allclose(d_y, (x - x.mean()) / 3, rtol=1e-7)


# ---- densities with determinants --------------------------------------------------------------------------


def log_pdf(K, b):
    norm = 1 / np.sqrt((2 * np.pi) ** len(b) * np.linalg.det(K))
    return np.log(norm * np.exp(-0.5 * np.einsum("i,ij,j", b, np.linalg.inv(K), b)))


def test_the_density_of_a_normal_vector():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(3, 3))
    K, b = A @ A.T + np.eye(3), rng.normal(size=3)
    g = srcdiff.value_and_grad(log_pdf, argnums=(0, 1), jit=False)
    assert ".det(" not in g.source_for(K, b) and "exp(" not in g.source_for(K, b)
    srcdiff.check_grads(log_pdf, K, b)
    value, _ = g(K * 1e-150, b * 1e-75)  # whose determinant is 1e-450
    assert value == pytest.approx(g(K, b)[0] + 225 * np.log(10), rel=1e-13)


# ---- compiled ---------------------------------------------------------------------------------------------


def all_loops(x):
    return (
        by_index(x)
        + from_the_first(x)
        + of_states(x)
        + products(x)
        + mixtures(x)
        + shares_in_loops(x)
    )


@pytest.mark.long
def test_loops_compiled():
    plain, compiled = (srcdiff.value_and_grad(all_loops, jit=jit) for jit in (False, True))
    for x in (np.array([800.0, 799.0, 798.5]), np.array([0.5, -1.0, 0.25])):
        (value, slopes), (same, also) = plain(x), compiled(x)
        assert same == pytest.approx(value, rel=1e-13)
        np.testing.assert_allclose(also, slopes, rtol=1e-11, atol=1e-12)
    srcdiff.check_grads(all_loops, np.array([0.5, -1.0, 0.25]))


def test_loops_are_switched_off_by_name():
    g = srcdiff.grad(by_index, jit=False, rewrite={"log_of_loops": False})
    assert "largest" not in g.source_for(np.ones(3))
    (line, *_) = srcdiff.explain(srcdiff.grad(by_index, jit=False), np.ones(3)).rewritten
    assert line.startswith("log_of_loops: t += np.exp(x[i])")
