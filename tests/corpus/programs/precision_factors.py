"""Triangular factors are filled through index arrays beside a slice: rows of numbers become matrices."""

import numpy as np


def log_densities(logs, below, x):
    n, d = logs.shape
    columns, rows = np.triu_indices(d, 1)
    Q = np.zeros((n, d, d))
    Q[:, rows, columns] = below
    Q[:, np.arange(d), np.arange(d)] = np.exp(logs)
    total = np.sum(logs)
    for k in range(n):
        scaled = Q[k] @ x
        total -= 0.5 * np.sum(scaled**2)
    return total


EXAMPLES = [
    (
        np.random.default_rng(0).normal(size=(2, 3)),
        np.random.default_rng(1).normal(size=(2, 3)),
        np.array([0.5, -1.0, 0.8]),
    ),
    (
        np.random.default_rng(2).normal(size=(3, 4)),
        np.random.default_rng(3).normal(size=(3, 6)),
        np.random.default_rng(4).normal(size=4),
    ),
]
WRT = (0, 1, 2)
FUNCTION = log_densities
