"""Values that the program itself keeps in an array, read from that array in the backward part: Thomas' algorithm in a
time loop, in the spellings that users have.
"""

import numpy as np
import pytest

import srcdiff


def sweep(a, b, c, d, cp, dp):
    n = len(b)
    cp[0] = c[0] / b[0]
    dp[0] = d[0] / b[0]
    for i in range(1, n):
        m = b[i] - a[i] * cp[i - 1]
        cp[i] = c[i] / m
        dp[i] = (d[i] - a[i] * dp[i - 1]) / m


def back(cp, dp, x):
    n = len(x)
    x[n - 1] = dp[n - 1]
    for i in range(n - 2, -1, -1):
        x[i] = dp[i] - cp[i] * x[i + 1]


def solve(a, b, c, d, cp, dp, x):
    sweep(a, b, c, d, cp, dp)
    back(cp, dp, x)
    return x


def tri(a, b, c, d):
    n = len(b)
    cp = np.zeros(n)
    dp = np.zeros(n)
    x = np.zeros(n)
    cp[0] = c[0] / b[0]
    dp[0] = d[0] / b[0]
    for i in range(1, n):
        m = b[i] - a[i - 1] * cp[i - 1]
        if i < n - 1:
            cp[i] = c[i] / m
        dp[i] = (d[i] - a[i - 1] * dp[i - 1]) / m
    x[-1] = dp[-1]
    for i in range(n - 2, -1, -1):
        x[i] = dp[i] - cp[i] * x[i + 1]
    return x


def work_arrays(u0, k, steps):
    u = u0.copy()
    n = len(u)
    cp = np.zeros(n)
    dp = np.zeros(n)
    for _ in range(steps):
        a = np.full(n, -k)
        b = np.full(n, 1 + 2 * k)
        c = np.full(n, -k)
        sweep(a, b, c, u, cp, dp)
        back(cp, dp, u)
    return np.sum(u**2)


def result_in_a_work_array(u0, k, steps):
    u = u0.copy()
    n = len(u)
    cp = np.empty(n)
    dp = np.empty(n)
    x = np.empty(n)
    for _ in range(steps):
        a = -k * np.ones(n)
        b = (1 + 2 * k) * np.ones(n)
        u = solve(a, b, a, u, cp, dp, x).copy()
    return np.sum(u**2)


def rows_of_one_work_array(u0, k, steps):
    n = len(u0)
    work = np.zeros((2, n))
    u = u0.copy()
    for _ in range(steps):
        b = 1.0 + 2.0 * k * np.ones(n)
        sweep(-k * np.ones(n), b, -k * np.ones(n), u, work[0], work[1])
        back(work[0], work[1], u)
        u *= 0.99
    return u @ u


def two_arrays_that_swap(u0, k, steps):
    n = len(u0)
    u = u0.copy()
    new = np.zeros(n)
    cp = np.zeros(n)
    dp = np.zeros(n)
    for _ in range(steps):
        rhs = u + 0.1 * np.sin(u)
        sweep(np.full(n, -k), np.full(n, 1 + 2 * k), np.full(n, -k), rhs, cp, dp)
        back(cp, dp, new)
        u, new = new, u
    return np.sum(u**2)


def new_arrays_in_each_iteration(u0, k, steps):
    n = len(u0)
    u = u0.copy()
    for _ in range(steps):
        cp = np.zeros(n)
        dp = np.zeros(n)
        x = np.zeros(n)
        sweep(np.full(n, -k), np.full(n, 1 + 2 * k), np.full(n, -k), u, cp, dp)
        back(cp, dp, x)
        u = x
    return np.sum(u**2)


def history_of_solutions(u0, k, steps):
    n = len(u0)
    u = u0.copy()
    hist = np.zeros((steps + 1, n))
    hist[0] = u
    for t in range(steps):
        hist[t + 1] = tri(np.full(n - 1, -k), np.full(n, 1 + 2 * k), np.full(n - 1, -k), hist[t])
    return np.sum(hist[-1] ** 2) + np.sum(hist)


def work_arrays_in_a_dict(u0, k, steps):
    n = len(u0)
    u = u0.copy()
    w = {"cp": np.zeros(n), "dp": np.zeros(n)}
    for _ in range(steps):
        sweep(np.full(n, -k), np.full(n, 1 + 2 * k), np.full(n, -k), u, w["cp"], w["dp"])
        back(w["cp"], w["dp"], u)
    return np.sum(u**2)


U, K, STEPS = np.array([1.0, 2.0, 0.5, -1.0]), 0.3, 4
PROGRAMS = (
    work_arrays,
    result_in_a_work_array,
    rows_of_one_work_array,
    two_arrays_that_swap,
    new_arrays_in_each_iteration,
    history_of_solutions,
    work_arrays_in_a_dict,
)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("argnums", [(0, 1), (1,)])
@pytest.mark.parametrize("f", PROGRAMS)
def test_the_gradient_is_that_of_differences(f, argnums, jit):
    found = srcdiff.grad(f, argnums=argnums, jit=jit)(U, K, STEPS)
    h = 1e-5
    by_k = (f(U, K + h, STEPS) - f(U, K - h, STEPS)) / (2 * h)
    by_u = [(f(U + h * e, K, STEPS) - f(U - h * e, K, STEPS)) / (2 * h) for e in np.eye(len(U))]
    expected = (by_u, by_k)
    for n, d in zip(argnums, found, strict=True):
        np.testing.assert_allclose(d, expected[n], rtol=1e-6, atol=1e-8)
