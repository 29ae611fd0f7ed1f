"""Elimination overwrites the matrix and the right-hand side; back substitution runs downwards."""

import numpy as np


def solve_and_weigh(A, b, w):
    A = A.copy()
    x = b.copy()
    n = len(x)
    for k in range(n):
        for i in range(k + 1, n):
            factor = A[i, k] / A[k, k]
            for j in range(k, n):
                A[i, j] -= factor * A[k, j]
            x[i] -= factor * x[k]
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, n):
            x[i] -= A[i, j] * x[j]
        x[i] /= A[i, i]
    return np.dot(w, x**2)


def _example(n, seed):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(n, n)) + 2.0 * n * np.eye(n)
    return A, rng.normal(size=n), rng.normal(size=n)


EXAMPLES = [_example(3, 0), _example(4, 1)]
WRT = (0, 1)
FUNCTION = solve_and_weigh
