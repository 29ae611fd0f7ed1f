"""Sweeps that use new and old values of one vector, stopped long before they converge."""

import numpy as np


def residual_after(A, b, x0, sweeps):
    x = x0.copy()
    for _ in range(sweeps):
        for i in range(len(x)):
            s = b[i]
            for j in range(len(x)):
                if j != i:
                    s -= A[i, j] * x[j]
            x[i] = s / A[i, i]
    r = A @ x - b
    return r @ r + np.sum(x)


def _example(n, seed, sweeps):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(n, n)) + 3.0 * np.eye(n)
    return A, rng.normal(size=n), rng.normal(size=n), sweeps


EXAMPLES = [_example(3, 0, 2), _example(4, 1, 1)]
WRT = (0, 1, 2)
FUNCTION = residual_after
UNCONVERGED = True
