"""A tridiagonal solver with a forward and a backward recurrence over three buffers."""

import numpy as np


def solve_tridiagonal(lower, diag, upper, rhs):
    n = len(diag)
    c = np.empty(n)
    x = np.empty(n)
    c[0] = upper[0] / diag[0]
    x[0] = rhs[0] / diag[0]
    for i in range(1, n):
        pivot = diag[i] - lower[i] * c[i - 1]
        c[i] = upper[i] / pivot
        x[i] = (rhs[i] - lower[i] * x[i - 1]) / pivot
    for i in range(n - 2, -1, -1):
        x[i] -= c[i] * x[i + 1]
    return x


def compliance(lower, diag, upper, rhs):
    return rhs @ solve_tridiagonal(lower, diag, upper, rhs)


def _example(n, seed):
    rng = np.random.default_rng(seed)
    return rng.random(n), 3.0 + rng.random(n), rng.random(n), rng.normal(size=n)


EXAMPLES = [_example(5, 0), _example(3, 1)]
WRT = (0, 1, 2, 3)
FUNCTION = compliance
