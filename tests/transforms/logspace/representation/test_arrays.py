"""Log-space arrays: an array that loops fill with exponentials holds the exponents, if only logarithms use it."""

import numpy as np
import pytest

import srcdiff


def rows_of_softmax(X):
    P = np.empty((2, 3))
    for i in range(2):
        P[i] = np.exp(X[i]) / np.sum(np.exp(X[i]))
    return np.sum(np.log(P))


def sigmoids(X):
    p = np.zeros(X.size)
    z = X.ravel()
    for i in range(len(z)):
        p[i] = 1 / (1 + np.exp(-z[i]))
    return -np.sum(np.log(p))


def by_element(X):
    y = np.zeros(3)
    for i in range(1, 3):
        y[i] = 2.0 * np.exp(X[0, i])
    return np.log(np.sum(y))


def table(X):
    p = np.zeros_like(X)
    for i in range(2):
        for j in range(3):
            p[i, j] = 0.5 * np.exp(-0.5 * X[i, j] ** 2)
    t = 0.0
    for i in range(2):
        t += np.log(p[i, 0] + p[i, 1] + p[i, 2])
    return t


def part(X):
    p = np.zeros(3)
    p[1:] = np.exp(X[1, 1:])
    return np.log(np.mean(p))


PROGRAMS = [rows_of_softmax, sigmoids, by_element, table, part]
FAR = np.array([[1000.0, 999.0, 0.0], [-1000.0, -1001.0, -1002.0]])
NEAR = np.array([[0.3, -1.0, 2.0], [1.0, 0.5, 0.25]])
WANTED = {
    rows_of_softmax: -1006.1626029558879,
    sigmoids: 3003.0 + np.log(2.0),
    by_element: 999.0 + np.log(2.0),
    table: 2 * np.log(0.5) - 500000.0,
    part: -1001.0 + np.log1p(np.exp(-1.0)) - np.log(3.0),
}


@pytest.mark.parametrize("f", PROGRAMS)
def test_exponents_are_kept(f):
    on, off = (srcdiff.value_and_grad(f, jit=False, rewrite=r) for r in (True, False))
    value, slopes = on(FAR)
    assert value == pytest.approx(WANTED[f], rel=1e-15) and np.all(np.isfinite(slopes))
    (value, slopes), (wanted, others) = on(NEAR), off(NEAR)
    assert value == pytest.approx(wanted, rel=1e-14)
    np.testing.assert_allclose(slopes, others, rtol=1e-12, atol=1e-14)
    srcdiff.check_grads(f, NEAR)
    assert any("log_of_loops" in line for line in srcdiff.explain(on, NEAR).rewritten)


def all_of_them(X):
    return rows_of_softmax(X) + sigmoids(X) + by_element(X) + table(X) + part(X)


def test_compiled():
    plain, compiled = (srcdiff.value_and_grad(all_of_them, jit=jit) for jit in (False, True))
    for X in (FAR, NEAR):
        (value, slopes), (same, others) = plain(X), compiled(X)
        assert same == pytest.approx(value, rel=1e-14)
        np.testing.assert_allclose(others, slopes, rtol=1e-12, atol=1e-13)


def read_itself(X):
    p = np.zeros(3)
    p[1:] = np.exp(X[0, 1:])
    return np.log(np.sum(p)) + p[2]


def added_to(X):
    p = np.ones(3)
    p[1:] = np.exp(X[0, 1:])
    return np.sum(np.log(p))


def with_other_signs(X):
    p = np.empty(3)
    for i in range(3):
        p[i] = np.exp(X[0, i]) * X[0, i]
    return np.sum(np.log(p**2))


def handed_out(X):
    p = np.empty(3)
    for i in range(3):
        p[i] = np.exp(X[0, i])
    q = p[1:]
    q *= 2.0
    return np.sum(np.log(p))


def read_through_an_older_view(X):
    p = np.empty(3)
    q = p[1:]
    for i in range(3):
        p[i] = np.exp(X[0, i])
    return np.log(q[0] + q[1])


NOT_LOGARITHMS = [read_itself, added_to, with_other_signs, handed_out, read_through_an_older_view]


@pytest.mark.parametrize("f", NOT_LOGARITHMS)
def test_arrays_that_hold_something_else_stay(f):
    on, off = (srcdiff.value_and_grad(f, jit=False, rewrite=r) for r in (True, False))
    assert "log_p[" not in on.source_for(NEAR)
    (value, slopes), (wanted, others) = on(NEAR), off(NEAR)
    assert value == pytest.approx(wanted, rel=1e-14)
    np.testing.assert_allclose(slopes, others, rtol=1e-12, atol=1e-14)
