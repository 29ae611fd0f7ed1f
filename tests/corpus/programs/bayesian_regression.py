"""Evidence of a linear model: two symmetric products, `slogdet`, `solve`, several scalars."""

import numpy as np


def log_evidence(log_alpha, log_beta, X, y):
    alpha, beta = np.exp(log_alpha), np.exp(log_beta)
    n, d = X.shape
    A = alpha * np.eye(d) + beta * X.T @ X
    m = beta * np.linalg.solve(A, X.T @ y)
    r = y - X @ m
    fit = 0.5 * (beta * r @ r + alpha * m @ m)
    return 0.5 * (d * log_alpha + n * log_beta - np.linalg.slogdet(A)[1]) - fit


EXAMPLES = [
    (
        0.3,
        0.8,
        np.random.default_rng(0).normal(size=(5, 2)),
        np.random.default_rng(1).normal(size=5),
    ),
    (
        -0.5,
        0.1,
        np.random.default_rng(2).normal(size=(2, 3)),
        np.random.default_rng(3).normal(size=2),
    ),
]
WRT = (0, 1, 2, 3)
FUNCTION = log_evidence
