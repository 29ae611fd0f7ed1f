"""A sum over observed entries only, by index triples, with row views of two matrices."""

import numpy as np


def squared_error(U, V, rows, columns, ratings, penalty):
    total = 0.0
    for i, j, rating in zip(rows, columns, ratings):
        e = rating - U[i] @ V[j]
        total += e * e + penalty * (U[i] @ U[i] + V[j] @ V[j])
    return total


EXAMPLES = [
    (
        np.random.default_rng(0).normal(size=(3, 2)),
        np.random.default_rng(1).normal(size=(2, 2)),
        np.array([0, 2, 2, 1]),
        np.array([1, 0, 1, 1]),
        np.array([1.0, -0.5, 2.0, 0.3]),
        0.1,
    ),
    (
        np.random.default_rng(2).normal(size=(1, 3)),
        np.random.default_rng(3).normal(size=(2, 3)),
        np.array([0]),
        np.array([1]),
        np.array([0.8]),
        0.3,
    ),
]
WRT = (0, 1, 4, 5)
FUNCTION = squared_error
