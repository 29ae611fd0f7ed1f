"""Log densities of rows under a Cholesky factor made from a vector of its entries."""

import math

import numpy as np
from scipy.linalg import solve_triangular


def log_density(mean, entries, X):
    d = len(mean)
    L = np.zeros((d, d))
    k = 0
    for i in range(d):
        for j in range(i + 1):
            L[i, j] = math.exp(entries[k]) if i == j else entries[k]
            k += 1
    z = solve_triangular(L, (X - mean).T, lower=True)
    return -0.5 * np.sum(z**2) - len(X) * np.sum(np.log(np.diag(L)))


EXAMPLES = [
    (
        np.array([0.3, -0.6]),
        np.array([0.1, 0.7, -0.4]),
        np.random.default_rng(0).normal(size=(3, 2)),
    ),
    (
        np.array([0.3, -0.6, 0.9]),
        np.array([0.1, 0.7, -0.4, 0.2, 0.5, 0.3]),
        np.random.default_rng(1).normal(size=(1, 3)),
    ),
]
WRT = (0, 1, 2)
FUNCTION = log_density
