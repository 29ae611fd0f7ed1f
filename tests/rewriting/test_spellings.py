"""Naive spellings and their mixtures with scalings, signs and statements, at extremes: value and gradient as mpmath's.

A value may be off by four units in the last place, and by four times what such changes of the arguments change it; a
derivative also by as much as the value's rounding does.
"""

import mpmath as mp
import numpy as np
import pytest
from scipy.special import expit, softmax

import srcdiff

EPS = np.finfo(float).eps
LEAST = mp.mpf(2) ** -1070
DIGITS, STEP = 1200, mp.mpf(10) ** -400


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def over_statements(x):
    e = np.exp(-x)
    p = 1.0 / (1.0 + e)
    scaled = 3.0 * p
    return -np.log(scaled)


def powers_in_a_loop(x):
    total = 0.0
    for k in range(1, 3):
        p = sigmoid(k * x)
        n = x**2 + 2 * k - 1
        total += np.log(p**n * (1 - p) ** (3 * n))
    return total


def softplus(x):
    return mp.log1p(mp.exp(x))


def binomials(x):
    return -sum((x**2 + 2 * k - 1) * (softplus(-k * x) + 3 * softplus(k * x)) for k in (1, 2))


def students(x):
    nu = 3.0
    density = (1 + x**2 / nu) ** (-(nu + 1) / 2)
    return np.log(density)


LOGITS = (-1000.0, 1000.0, -745.0, -40.0, 40.0, 0.3, -3.0)
ALSO_SMALL = (*LOGITS, -1e-9, 1e-300)
SMALL = (1e-300, 1e-17, -1e-17, 1e-9, 0.3)
POSITIVE = (1e-300, 1e-17, 1e-9, 0.3, 40.0, 1000.0)
NUMBERS = {
    "-3 log(1 + exp(-2x))": (lambda x: -3 * np.log(1 + np.exp(-2 * x)), lambda x: -3 * softplus(-2 * x), ALSO_SMALL),
    "log(2 sigmoid)": (lambda x: np.log(2 * sigmoid(x)), lambda x: mp.log(2) - softplus(-x), LOGITS),
    "statements": (over_statements, lambda x: softplus(-x) - mp.log(3), LOGITS),
    "log(sigmoid ** 2)": (lambda x: np.log(sigmoid(x) ** 2), lambda x: -2 * softplus(-x), ALSO_SMALL),
    "log(sqrt(sigmoid))": (lambda x: np.log(np.sqrt(sigmoid(x))), lambda x: -softplus(-x) / 2, ALSO_SMALL),
    "log(1 / sigmoid)": (lambda x: np.log(1 / sigmoid(x)), lambda x: softplus(-x), ALSO_SMALL),
    "1 - sigmoid": (lambda x: 1 - sigmoid(x), lambda x: 1 / (1 + mp.exp(x)), ALSO_SMALL),
    "log(1 - (1 - exp(-exp)))": (
        lambda x: np.log(1 - (1 - np.exp(-np.exp(x)))), lambda x: -mp.exp(x), (-40.0, -3.0, 0.3, 5.0)
    ),
    "log1p(expm1)": (lambda x: np.log1p(np.expm1(x)), lambda x: x, ALSO_SMALL),
    "2 (1 - expit(-3x))": (lambda x: 2 * (1 - expit(-3 * x)), lambda x: 2 / (1 + mp.exp(-3 * x)), ALSO_SMALL),
    "exp / (1 + exp)": (lambda x: np.exp(x) / (1 + np.exp(x)), lambda x: 1 / (1 + mp.exp(-x)), ALSO_SMALL),
    "of -x": (lambda x: np.exp(-x) / (1 + np.exp(-x)), lambda x: 1 / (1 + mp.exp(x)), ALSO_SMALL),
    "log odds": (lambda x: np.log(sigmoid(x) / (1 - sigmoid(x))), lambda x: x, ALSO_SMALL),
    "log p - log(1 - p)": (lambda x: np.log(sigmoid(x)) - np.log(1 - sigmoid(x)), lambda x: x, ALSO_SMALL),
    "log(1 - exp(-x))": (lambda x: np.log(1 - np.exp(-x)), lambda x: mp.log(-mp.expm1(-x)), POSITIVE),
    "log(exp(x) - 1)": (lambda x: np.log(np.exp(x) - 1), lambda x: mp.log(mp.expm1(x)), POSITIVE),
    "log(x + 1) * 2": (lambda x: 2 * np.log(x + 1), lambda x: 2 * mp.log1p(x), SMALL),
    "log(1 - 2x)": (lambda x: np.log(1 - 2 * x), lambda x: mp.log1p(-2 * x), SMALL),
    "log10(1 + x)": (lambda x: np.log10(1 + x), lambda x: mp.log1p(x) / mp.log(10), SMALL),
    "log2(1 + exp)": (lambda x: np.log2(1 + np.exp(x)), lambda x: softplus(x) / mp.log(2), LOGITS),
    "-1 + exp": (lambda x: -1 + np.exp(x), mp.expm1, SMALL),
    "2 exp - 2": (lambda x: 2 * np.exp(x) - 2, lambda x: 2 * mp.expm1(x), SMALL),
    "1 + (-exp)": (lambda x: 1.0 + (-np.exp(x)), lambda x: -mp.expm1(x), SMALL),
    "log(cosh)": (lambda x: np.log(np.cosh(x)), lambda x: mp.log(mp.cosh(x)), (*LOGITS, 1e-9)),
    "log(1 + 2 exp)": (lambda x: np.log(1 + 2 * np.exp(x)), lambda x: mp.log1p(2 * mp.exp(x)), (-1000.0, 1000.0, 0.3)),
    "log(1 + exp + exp(2x))": (lambda x: np.log(1 + np.exp(x) + np.exp(2 * x)),
                               lambda x: mp.log1p(mp.exp(x) + mp.exp(2 * x)), LOGITS),
    "log(0.5 exp(x) + 3 exp(-x))": (lambda x: np.log(0.5 * np.exp(x) + 3 * np.exp(-x)),
                                    lambda x: mp.log(mp.exp(x) / 2 + 3 * mp.exp(-x)), LOGITS),
    "log(2 exp(x) - exp(-x))": (lambda x: np.log(2 * np.exp(x) - np.exp(-x)),
                                lambda x: mp.log(2 * mp.exp(x) - mp.exp(-x)), (0.3, 3.0, 1000.0)),
    "tanh": (lambda x: (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)), mp.tanh, (-1000.0, 1000.0, 0.3, 1e-300)),
    "log pdf": (lambda x: np.log(1 / np.sqrt(2 * np.pi * 4) * np.exp(-((x - 1) ** 2) / (2 * 4))),
                lambda x: -((x - 1) ** 2) / 8 - mp.log(8 * mp.mpf(np.pi)) / 2, LOGITS),
    "log of a mixture": (
        lambda x: np.log(0.25 * np.exp(-0.5 * (x - 1) ** 2) + 0.75 * np.exp(-0.5 * (x + 1) ** 2)),
        lambda x: mp.log(mp.exp(-((x - 1) ** 2) / 2) / 4 + 3 * mp.exp(-((x + 1) ** 2) / 2) / 4), LOGITS),
    "cross entropy": (lambda x: -(0.25 * np.log(sigmoid(x)) + 0.75 * np.log(1 - sigmoid(x))),
                      lambda x: softplus(-x) / 4 + 3 * softplus(x) / 4, ALSO_SMALL),
    "exp / exp": (lambda x: np.exp(x) / np.exp(x - 1), lambda x: mp.e + 0 * x, LOGITS),
    "exp * exp": (lambda x: np.exp(x) * np.exp(1 - x), lambda x: mp.e + 0 * x, LOGITS),
    "log(exp * exp)": (lambda x: np.log(np.exp(x) * np.exp(x)), lambda x: 2 * x, ALSO_SMALL),
    "log(exp ** 2)": (lambda x: np.log(np.exp(x) ** 2), lambda x: 2 * x, ALSO_SMALL),
    "3 sinh": (lambda x: 3 * ((np.exp(x) - np.exp(-x)) / 2), lambda x: 3 * mp.sinh(x), (-700.0, 3.0, 1e-9, 1e-300)),
    "-sinh": (lambda x: -(0.5 * (np.exp(x) - np.exp(-x))), lambda x: -mp.sinh(x), (-700.0, 3.0, 1e-9, 1e-300)),
    "2 (1 - cos(3x))": (lambda x: 2 * (1 - np.cos(3 * x)), lambda x: 2 * (1 - mp.cos(3 * x)), (1e-9, -1e-100, 0.3)),
    "log(x + sqrt(1 + x ** 2))": (lambda x: np.log(x + np.sqrt(1 + x**2)), mp.asinh, (-1e5, 1e-9, 1e-300, 0.3, 1e150)),
    "exp(x) / (exp(x) + exp(-x))": (lambda x: np.exp(x) / (np.exp(x) + np.exp(-x)),
                                    lambda x: 1 / (1 + mp.exp(-2 * x)), ALSO_SMALL),
    "log(sigmoid - sigmoid)": (lambda x: np.log(sigmoid(2 * x + 1) - sigmoid(2 * x)),
                               lambda x: mp.log(-mp.expm1(-1)) - softplus(-2 * x - 1) - softplus(2 * x), LOGITS),
    "log of the power of a variable": (powers_in_a_loop,
                                       binomials, ALSO_SMALL),
    "Student's": (students, lambda x: -2 * mp.log1p(x**2 / 3), (1e150, 1e-9, 0.3, -1000.0)),
    "log((1 + x) ** 2)": (lambda x: np.log((1 + x) ** 2), lambda x: mp.log((1 + x) ** 2), (*SMALL, -3.0, 1e150)),
    "log(1 / (1 + x ** 2 / 3) ** 2)": (lambda x: np.log(1 / (1 + x**2 / 3) ** 2), lambda x: -2 * mp.log1p(x**2 / 3),
                                       (1e150, 1e-9, 0.3, -1000.0)),
    "log(exp(x) + exp(-x))": (lambda x: np.log(np.exp(x / 2) + np.exp(-x / 2)),
                              lambda x: mp.log(2 * mp.cosh(x / 2)), ALSO_SMALL),
    "log(sqrt(exp(x) + exp(-x)))": (lambda x: -np.log(1 / np.sqrt(np.exp(x) + np.exp(-x))),
                                    lambda x: mp.log(2 * mp.cosh(x)) / 2, ALSO_SMALL),
    "exp(x) - exp(0)": (lambda x: np.exp(x) - np.exp(0.0), mp.expm1, SMALL),
    "log(1 - p + 1 - q)": (lambda x: np.log(1 - sigmoid(x) + 2 * (1 - np.tanh(x))),
                           lambda x: mp.log(1 / (1 + mp.exp(x)) + 4 / (1 + mp.exp(2 * x))), LOGITS),
    "log(1 / sqrt(exp + exp + p))": (
        lambda x: -np.log(1 / np.sqrt(np.exp(-(x**2)) + np.exp(2 * x) + 2 * sigmoid(x))),
        lambda x: mp.log(mp.exp(-(x**2)) + mp.exp(2 * x) + 2 / (1 + mp.exp(-x))) / 2, LOGITS),
    "log(sqrt(1 - (1 - exp(-exp))))": (lambda x: np.log(2 * np.sqrt(1 - (1 - np.exp(-np.exp(x))))),
                                       lambda x: mp.log(2) - mp.exp(x) / 2, (-40.0, -3.0, 0.3, 5.0)),
    "sqrt(exp)": (lambda x: np.sqrt(np.exp(x)), lambda x: mp.exp(x / 2), ALSO_SMALL),
}  # fmt: skip


OF_SIGMOIDS = (
    "exp(x) / (exp(x) + exp(-x))",
    "exp / (1 + exp)",
    "of -x",
)


def nearly(found, wanted, allowed):
    found = float(found)
    if not np.isfinite(found):
        return np.isinf(found) and abs(wanted) > mp.mpf(1.7e308)
    return abs(mp.mpf(found) - wanted) <= 4 * EPS * (abs(wanted) + allowed) + LEAST


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers(name):
    f, exact, points = NUMBERS[name]
    g = srcdiff.value_and_grad(f, jit=False, on_independent="ignore")
    for x in points:
        with mp.workdps(DIGITS), np.errstate(over="ignore"):
            at = mp.mpf(x)
            below, value, above = exact(at - STEP), mp.mpf(exact(at)), exact(at + STEP)
            slope, bend = (above - below) / (2 * STEP), (above - 2 * value + below) / STEP**2
            found = g(x)
            assert nearly(found[0], value, abs(x * slope)), x
            lost = 1 if name in OF_SIGMOIDS else 0  # p (1 - p), where p is near 1
            allowed = abs(x * bend) + abs(slope * value) + lost
            assert nearly(found[1], slope, allowed), x


def by_hand(x):
    m = x.max()
    return m + np.log(np.sum(np.exp(x - m)))


def softmax_by_hand(x):
    z = np.exp(x - x.max())
    return z / z.sum()


def log_softmax_by_hand(x):
    s = x - np.max(x)
    return s - np.log(np.sum(np.exp(s)))


WEIGHTS = np.array([0.25, 0.5, 0.125])
W = [mp.mpf(w) for w in WEIGHTS]
ROWS = (
    [1000.0, 999.0, 0.0],
    [-1000.0, -1001.0, -1002.0],
    [700.0, -700.0, 700.0],
    [1e6, -1e6, 1e6 - 1],
    [0.5, 1e-9, -2.0],
)


def log_sum(x):
    top = max(x)
    return top + mp.log(mp.fsum(mp.exp(a - top) for a in x))


def weighed(x):
    return log_sum([a + mp.log(w) for a, w in zip(x, W, strict=True)])


OF_ROWS = {
    "scaled": (lambda x: -2 * np.log(np.sum(np.exp(-x / 4))) + 1, lambda x: -2 * log_sum([-a / 4 for a in x]) + 1),
    "mean": (lambda x: np.log(np.mean(np.exp(x))), lambda x: log_sum(x) - mp.log(3)),
    "sum / n": (lambda x: np.log(np.sum(np.exp(x)) / len(x)), lambda x: log_sum(x) - mp.log(3)),
    "w @ exp": (lambda x: np.log(WEIGHTS @ np.exp(x)), weighed),
    "sum(w exp)": (lambda x: np.log(np.sum(WEIGHTS * np.exp(x))), weighed),
    "1 + sum": (lambda x: np.log(1 + np.sum(np.exp(x))), lambda x: log_sum([mp.mpf(0), *x])),
    "1 + w @ exp": (lambda x: np.log(1 + WEIGHTS @ np.exp(x)),
                    lambda x: log_sum([mp.mpf(0), *(a + mp.log(w) for a, w in zip(x, W, strict=True))])),
    "1 - sum(-w exp)": (lambda x: np.log(1 - np.sum(-WEIGHTS * np.exp(x))),
                        lambda x: log_sum([mp.mpf(0), *(a + mp.log(w) for a, w in zip(x, W, strict=True))])),
    "shifted by hand": (by_hand, log_sum),
    "softmax by hand": (lambda x: softmax_by_hand(x)[0], lambda x: mp.exp(x[0] - log_sum(x))),
    "its logarithm": (lambda x: np.log(softmax_by_hand(x))[1], lambda x: x[1] - log_sum(x)),
    "the logarithm of an element": (lambda x: np.log(softmax(x)[1]), lambda x: x[1] - log_sum(x)),
    "log-softmax by hand": (lambda x: log_softmax_by_hand(x)[1], lambda x: x[1] - log_sum(x)),
    "cross entropy": (lambda x: -np.sum(WEIGHTS * np.log(softmax_by_hand(x))),
                      lambda x: sum(W) * log_sum(x) - mp.fsum(a * b for a, b in zip(W, x, strict=True))),
    "powers of two": (lambda x: np.log2(np.sum(2.0**x)), lambda x: log_sum([a * mp.log(2) for a in x]) / mp.log(2)),
    "powers of ten": (lambda x: np.log(np.sum(10**x) / 3), lambda x: log_sum([a * mp.log(10) for a in x]) - mp.log(3)),
    "the largest": (lambda x: np.log(2 * np.exp(x).max()), lambda x: mp.log(2) + max(x)),
    "the larger and the least": (
        lambda x: np.log(np.maximum(np.exp(x[1]), 2 * np.exp(x[2])) + np.min(np.exp(x))),
        lambda x: log_sum([max(x[1], x[2] + mp.log(2)), min(x)])),
    "log(prod(exp))": (lambda x: np.log(np.prod(np.exp(x))), mp.fsum),
    "log(prod(sigmoid))": (lambda x: np.log(np.prod(sigmoid(x))), lambda x: -mp.fsum(softplus(-a) for a in x)),
    "log(prod(pdf))": (
        lambda x: np.log(np.prod(np.exp(-0.5 * ((x - 1) / 2) ** 2) / (2 * np.sqrt(2 * np.pi)))),
        lambda x: mp.fsum(-((a - 1) ** 2) / 8 - mp.log(8 * mp.mpf(np.pi)) / 2 for a in x)),
}  # fmt: skip
LENGTHS = ([3.0, 4.0, 0.0], [1e-200, 1e-200, 2e-200], [1e200, 3e200, 0.0], [1e-300, 1e300, 1.0])


def length(x):
    return mp.sqrt(mp.fsum(a * a for a in x))


OF_VECTORS = {
    "x ** 2": (lambda x: np.sqrt(np.sum(x**2)), length),
    "x * x": (lambda x: 3 * np.sqrt((x * x).sum()), lambda x: 3 * length(x)),
    "of -x": (lambda x: np.sqrt(np.sum(np.square(-x))), length),
    "x @ x": (lambda x: np.sqrt(x @ x), length),
    "** 0.5": (lambda x: np.sum(x**2) ** 0.5, length),
}


def compare_with_mpmath(f, exact, row):
    with mp.workdps(DIGITS):
        at = [mp.mpf(a) for a in row]
        value, slopes = mp.mpf(exact(at)), []
        for k in range(len(at)):
            up, down = ([a + s * STEP * (j == k) for j, a in enumerate(at)] for s in (1, -1))
            slopes.append((exact(up) - exact(down)) / (2 * STEP))
        moved = mp.fsum(abs(a * s) for a, s in zip(at, slopes, strict=True))
        found, gradient = f(np.array(row))
        assert nearly(found, value, moved), row
        size = max(1, *map(abs, row)) if max(map(abs, row)) < 1e7 else 1
        for d, slope in zip(gradient, slopes, strict=True):
            assert nearly(d, slope, size * max(map(abs, slopes))), (row, d, slope)


@pytest.mark.parametrize("name", OF_ROWS)
def test_rows(name):
    f, exact = OF_ROWS[name]
    for row in ROWS:
        compare_with_mpmath(srcdiff.value_and_grad(f, jit=False), exact, row)


@pytest.mark.parametrize("name", OF_VECTORS)
def test_lengths_of_vectors(name):
    f, exact = OF_VECTORS[name]
    g = srcdiff.value_and_grad(f, jit=False)
    for row in LENGTHS:
        compare_with_mpmath(g, exact, row)
    value, slopes = g(np.zeros(3))
    assert value == 0 and slopes.tolist() == [0, 0, 0]


def variances(x):
    return (
        np.mean(x**2) - np.mean(x) ** 2,
        np.sum(x * x) / len(x) - (np.sum(x) / len(x)) ** 2,
        -(np.mean(x) ** 2 - np.mean(x**2)),
        np.mean(x * x) - np.mean(x) * np.mean(x),
    )


def test_variances():
    x = 1e8 + np.array([0.0, 1.0, 2.0])
    for k in range(4):
        value, slopes = srcdiff.value_and_grad(lambda x, k=k: variances(x)[k], jit=False)(x)
        assert value == pytest.approx(2 / 3, rel=1e-15)
        np.testing.assert_allclose(slopes, 2 * (x - x.mean()) / 3, rtol=1e-15)


# ---- factors of any sign, axes, and compiled code ----------------------------------------------------------


def mixtures(X, w):
    """Weights of any sign, along each axis and by products."""
    p = np.exp(X)
    return (
        np.sum(np.log(p @ w))
        + np.sum(np.log(w @ np.exp(X.T)))
        + np.sum(np.log(np.sum(p * w, axis=1)))
        + np.sum(np.log(np.sum(w[0] * p, axis=0, keepdims=True)))
        + np.log(w[0] * np.exp(X[0, 0]) + (1 - w[1]) * np.exp(X[0, 1]) - w[2] * np.exp(X[1, 2]))
        + np.sum(np.log(np.where(X > 0, expit(X), 1 - expit(X))))
        + np.sum(np.log(softmax(X, axis=1)[np.arange(2), np.array([0, 2])]))
        + np.sqrt(np.sum(X**2))
        + np.log(np.prod(expit(X)))
    )


@pytest.mark.long
def test_factors_of_any_sign_and_axes():
    rng = np.random.default_rng(0)
    X, w = rng.normal(size=(2, 3)), np.array([1.5, 0.75, -0.25])
    options = {"argnums": (0, 1)}
    on = srcdiff.value_and_grad(mixtures, jit=False, **options)
    off = srcdiff.value_and_grad(mixtures, jit=False, rewrite=False, **options)
    compiled = srcdiff.value_and_grad(mixtures, jit=True, **options)
    for shift in (0.0, 900.0):
        value, gradient = on(X + shift, w)
        plain_value, plain = off(X, w)
        if not shift:
            assert value == pytest.approx(plain_value, rel=1e-13)
        elif shift:
            assert np.isfinite(value) and all(np.all(np.isfinite(d)) for d in gradient)
        same, slopes = compiled(X + shift, w)
        assert same == pytest.approx(value, rel=1e-13)
        for found, also, wanted in zip(gradient, slopes, plain, strict=True):
            np.testing.assert_allclose(also, found, rtol=1e-12, atol=1e-13)
            if not shift:
                np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-13)
    srcdiff.check_grads(mixtures, X, w)


def test_weighted_sums_of_softplus_keep_the_digits_of_small_slopes():
    """`y * expit(-x) - 3 * expit(x)` with one call of `expit` has none of them where `y` is 0."""

    def negative_binomial(x, y):
        p = sigmoid(x)
        return np.sum(3.0 * np.log(1 - p) + y * np.log(p))

    x, y = np.array([-40.0, -3.0, 2.0]), np.array([0.0, 2.0, 5.0])
    d_x = srcdiff.grad(negative_binomial, jit=False)(x, y)
    np.testing.assert_allclose(d_x, y * expit(-x) - 3.0 * expit(x), rtol=1e-15)
    assert d_x[0] == pytest.approx(-3.0 * np.exp(-40.0), rel=1e-15)


@pytest.mark.parametrize(
    "p", [lambda x: 1 / (1 + np.exp(-x)), lambda x: np.exp(x) / (1 + np.exp(x)), lambda x: expit(x)]
)
def test_a_choice_between_a_probability_and_one_less_it(p):
    def loss(x, y):
        q = p(x)
        return -np.sum(np.log(np.where(y > 0.5, q, 1 - q)))

    x, y = np.array([-1000.0, 1000.0, 40.0, -0.3]), np.array([1.0, 0.0, 0.0, 1.0])
    g = srcdiff.value_and_grad(loss, jit=False)
    value, d_x = g(x, y)
    assert value == pytest.approx(np.sum(np.logaddexp(0.0, np.where(y > 0.5, -x, x))), rel=1e-15)
    np.testing.assert_allclose(d_x, np.where(y > 0.5, -expit(-x), expit(x)), rtol=1e-15)
    assert "--" not in g.source


@pytest.mark.parametrize(
    "f", [lambda x: x * sigmoid(x), lambda x: 1 - sigmoid(x), lambda x: np.log(1 + np.exp(x))]
)
def test_half_precision_stays_half(f):
    x = np.array([-1.0, 0.5], np.float16)
    found = srcdiff.jvp(f, (x,), (np.ones_like(x),), jit=False)
    plain = srcdiff.jvp(f, (x,), (np.ones_like(x),), jit=False, rewrite=False)
    assert [r.dtype for r in found] == [np.float16] * 2
    np.testing.assert_array_equal(found, plain)


def test_what_a_rule_has_shifted_is_not_shifted_again():
    def loss(x, y):
        p = sigmoid(x)
        return -np.sum(np.log(y * p + (1 - y) * (1 - p)))

    source = srcdiff.grad(loss, jit=False).source_for(np.zeros(3), np.ones(3))
    assert source.count("np.isfinite") == 1


def test_the_user_s_own_shifts_are_not_seen():
    def loss(Z):
        m = Z.max(axis=1, keepdims=True)
        p = np.exp(Z - m) / np.sum(np.exp(Z - m), axis=1, keepdims=True)
        top = np.max(Z, axis=1)
        return np.sum(top + np.log(np.sum(np.exp(Z - top[:, None]), axis=1))) - np.sum(
            np.log(p)[:, 0]
        )

    g = srcdiff.value_and_grad(loss, jit=False)
    Z = np.array([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]])
    text = g.source_for(Z)
    assert "np.max" not in text and ".max(" not in text
    assert "logsumexp(Z, axis=1)" in text and "log_softmax(Z, axis=1)" in text
    srcdiff.check_grads(loss, Z)


def test_what_is_accurate_stays():
    def f(x):
        p = expit(x)
        return np.sum(np.log(p + 1e-8)) + np.sum(np.log(np.cosh(1.0) + x**2))

    g = srcdiff.grad(f, jit=False)
    g(np.ones(3))
    assert srcdiff.explain(g, np.ones(3)).rewritten == ()


def test_one_plus_weighted_probabilities_is_not_shifted():
    g = srcdiff.grad(lambda x, w: np.log(1 + w @ softmax(x)), jit=False)
    text = g.source_for(np.ones(3), np.ones(3))
    assert "softmax(x)" in text and "np.maximum" not in text


def test_powers_of_exponentials_share_one():
    g = srcdiff.grad(lambda x: np.exp(x) * np.exp(x) + np.exp(x), jit=False)
    assert g.source_for(1.5).count("np.exp") == 1
    assert g(1.5) == pytest.approx(2 * np.exp(3.0) + np.exp(1.5), rel=1e-15)
