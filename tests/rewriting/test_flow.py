"""Logarithms of exponentials that came by products of matrices, or by branches: value and gradient as mpmath's."""

import math

import mpmath as mp
import numpy as np
import pytest
from rewriting.test_spellings import compare_with_mpmath, log_sum, softplus

import srcdiff

B = np.array([[-800.0, 1.0], [5.0, -900.0], [0.0, 3.0]])
SHARES = np.array([[0.25, 0.5], [0.5, 0.125], [0.25, 0.375]])


def of_matrices(x):
    X = np.stack((x, -x))
    return np.sum(np.log(np.exp(X) @ np.exp(B)))


def of_shares(x):
    X = np.stack((x, -x))
    return np.sum(np.log(3.0 * (np.exp(X) @ SHARES)))


def of_shares_from_the_left(x):
    X = np.stack((x, -x))
    return np.sum(np.log(SHARES.T @ np.exp(X.T) / 2))


def mp_products(x, logs):
    """The sum of the logarithms of such a product, whose second factor has these logarithms."""
    rows = [x, [-a for a in x]]
    return mp.fsum(
        log_sum([a + b for a, b in zip(row, column, strict=True)])
        for row in rows
        for column in zip(*logs, strict=True)
    )


def logs_of(A):
    return [[mp.log(mp.mpf(a)) for a in row] for row in A]


PRODUCTS = {
    "two exponentials": (of_matrices, lambda x: mp_products(x, [[mp.mpf(b) for b in row] for row in B])),
    "shares": (of_shares, lambda x: mp_products(x, logs_of(3 * SHARES))),
    "shares on the left": (of_shares_from_the_left, lambda x: mp_products(x, logs_of(SHARES / 2))),
}  # fmt: skip


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_of_matrices(name):
    f, exact = PRODUCTS[name]
    g = srcdiff.value_and_grad(f, jit=False)
    for row in ([1000.0, 999.0, 0.0], [0.5, 1e-9, -2.0]):
        compare_with_mpmath(g, exact, row)


def test_a_product_stays_one():
    """The terms of three axes are computed only where the product has lost something."""
    g = srcdiff.grad(lambda X: np.sum(np.log(np.exp(X) @ np.exp(B))), jit=False)
    X = np.array([[1.0, 2.0, 3.0], [0.5, 0.0, -1.0]])
    text = g.source_for(X)
    assert " @ " in text and text.index("if np.all(") < text.index("logsumexp(")
    (line,) = srcdiff.explain(g, X).rewritten
    assert line.startswith("log_of_parts")


def stable_by_hand(x):
    if x >= 0:
        p = 1 / (1 + math.exp(-x))
    else:
        e = math.exp(x)
        p = e / (1 + e)
    return math.log(p) + 0.5 * math.log(1 - p)


def of_three(x):
    if x > 10:
        p = np.exp(-x)
    elif x > 0:
        p = np.exp(-3 * x) / 2
    else:
        p = 0.5
    return 2 * np.log(p / 3)


def mp_of_three(x):
    log_p = -x if x > 10 else -3 * x - mp.log(2) if x > 0 else -mp.log(2) + 0 * x
    return 2 * (log_p - mp.log(3))


def used_twice(x):
    p = np.exp(-x) if x > 0 else np.exp(x)
    if x > 5:
        q = p * 3
    else:
        q = p
    return np.log(q) + q


def mp_used_twice(x):
    q = mp.exp(-abs(x)) * (3 if x > 5 else 1)
    return mp.log(q) + q


def of_arrays(x):
    if x[0] > 0:
        e = np.exp(x)
    else:
        e = 2 * np.exp(x)
    return np.log(np.sum(e))


def in_turns(x):
    t = 0.0
    for i in range(len(x)):
        if x[i] >= 0:
            p = 1 / (1 + np.exp(-x[i]))
        else:
            p = np.exp(x[i]) / (1 + np.exp(x[i]))
        t += np.log(p)
    return t


def sigmoid(a):
    if a > 0:
        return 1 / (1 + np.exp(-a))
    return np.exp(a) / (1 + np.exp(a))


def by_helper(x):
    t = 0.0
    for a in x:
        t += np.log(sigmoid(a))
    return t


def one_less_helper(x):
    t = 0.0
    for a in x:
        t += np.log(1 - sigmoid(a))
    return t


NUMBERS = {
    "a sigmoid by hand": (stable_by_hand, lambda x: -softplus(-x) - softplus(x) / 2, (-40.0, 40.0, 0.3, -700.0, 1e-9)),
    "three branches": (of_three, mp_of_three, (1000.0, 0.5, -1.0)),
    "used elsewhere": (used_twice, mp_used_twice, (-1000.0, 1000.0, 0.3)),
}  # fmt: skip
OF_ROWS = {
    "arrays": (of_arrays, lambda x: log_sum(x) + (0 if x[0] > 0 else mp.log(2))),
    "iterations": (in_turns, lambda x: -mp.fsum(softplus(-a) for a in x)),
    "a helper": (by_helper, lambda x: -mp.fsum(softplus(-a) for a in x)),
    "one less a helper": (one_less_helper, lambda x: -mp.fsum(softplus(a) for a in x)),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_of_branches(name):
    f, exact, points = NUMBERS[name]
    g = srcdiff.value_and_grad(f, jit=False)

    def of_row(row):
        value, slope = g(float(row[0]))
        return value, [slope]

    for x in points:
        compare_with_mpmath(of_row, lambda row: exact(row[0]), [x])
    srcdiff.check_grads(f, 0.5)


@pytest.mark.parametrize("name", OF_ROWS)
def test_rows_of_branches(name):
    f, exact = OF_ROWS[name]
    g = srcdiff.value_and_grad(f, jit=False)
    for row in ([1000.0, 999.0, 0.5], [-1000.0, -1001.0, -999.0], [0.5, 1e-9, -2.0]):
        compare_with_mpmath(g, exact, row)


def test_a_branch_without_a_logarithm_stays():
    def f(x):
        if x > 0:
            p = np.exp(x)
        else:
            p = x
        return np.log(p)

    assert "p = np.exp(x)" in srcdiff.grad(f, jit=False).source_for(1.0)
    assert srcdiff.grad(f, jit=False)(2.0) == 1.0


def all_of_them(x, X):
    return (
        stable_by_hand(x)
        + of_three(x)
        + used_twice(x)
        + of_arrays(X[0])
        + in_turns(X[1])
        + np.sum(np.log(np.exp(X) @ np.exp(B)))
        + np.sum(np.log(np.exp(X) @ SHARES))
    )


@pytest.mark.slow
def test_compiled():
    """A choice of `math`'s functions raises for the one that is chosen only."""
    plain, compiled = (
        srcdiff.value_and_grad(all_of_them, argnums=(0, 1), jit=jit) for jit in (False, True)
    )
    X = np.array([[0.5, 1e-9, -2.0], [1.0, 2.0, -700.0]])
    for x, scale in ((40.0, 1.0), (-40.0, 100.0), (0.5, 1.0)):
        (value, (d_x, d_X)), (same, (also, d_also)) = plain(x, scale * X), compiled(x, scale * X)
        assert same == pytest.approx(value, rel=1e-13) and also == pytest.approx(d_x, rel=1e-12)
        np.testing.assert_allclose(d_also, d_X, rtol=1e-11, atol=1e-12)


# ---- variances that loops add up ------------------------------------------------------------------------------


def of_elements(x):
    s = q = 0.0
    for i in range(len(x)):
        s += x[i]
        q += x[i] ** 2
    return q / len(x) - (s / len(x)) ** 2


def of_products(x):
    n = len(x)
    s = q = 0.0
    for v in x:
        y = 2.0 * v
        s, q = s + y, q + y * y
    m = s / n
    return (q / n - m * m) / 4.0


def of_rows(x):
    X = np.stack((x, 2.0 * x), axis=1)
    s = q = np.zeros(2)
    for row in X:
        s = s + row
        q = q + row * row
    return np.sum(q - s**2 / len(X)) / 5.0 / len(X)


@pytest.mark.parametrize("f", [of_elements, of_products, of_rows])
def test_variances_of_loops(f):
    x = 1e8 + np.array([0.0, 1.0, 3.0])
    value, slopes = srcdiff.value_and_grad(f, jit=False)(x)
    assert value == pytest.approx(14 / 9, rel=1e-14)
    np.testing.assert_allclose(slopes, 2 * (x - x.mean()) / 3, rtol=1e-7)
    srcdiff.check_grads(f, np.array([0.5, 0.25, -2.0]))


def another_count(x):
    s = q = 0.0
    for v in x:
        s += v
        q += v * v
    return q / 3.0 - (s / 3.0) ** 2


def other_squares(x):
    s = q = 0.0
    for v in x:
        s += v
        q += (v + 1.0) ** 2
    return q / len(x) - (s / len(x)) ** 2


def of_iterations_before(x):
    s = q = y = 0.0
    for v in x:
        y = 0.5 * y + v
        s += y
        q += y * y
    return q / len(x) - (s / len(x)) ** 2


@pytest.mark.parametrize("f", [another_count, other_squares, of_iterations_before])
def test_what_is_no_variance_stays(f):
    x = np.array([0.5, 0.25, -2.0, 1.0])
    g = srcdiff.value_and_grad(f, jit=False)
    assert "mean" not in g.source_for(x) and g(x)[0] == pytest.approx(f(x), rel=1e-14)


def test_variances_of_loops_compiled():
    x = 1e8 + np.array([0.0, 1.0, 3.0])
    value, slopes = srcdiff.value_and_grad(lambda x: of_elements(x) + of_rows(x), jit=True)(x)
    assert value == pytest.approx(28 / 9, rel=1e-14)
    np.testing.assert_allclose(slopes, 4 * (x - x.mean()) / 3, rtol=1e-7)
