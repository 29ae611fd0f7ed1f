"""Generalised cross-validation of ridge regression: a helper solves, its caller knows the matrix to be symmetric."""

import numpy as np


def coefficients(A, b):
    return np.linalg.solve(A, b)


def cross_validation(log_penalty, X, y):
    n, d = X.shape
    A = X.T @ X + np.exp(log_penalty) * np.eye(d)
    w = coefficients(A, X.T @ y)
    hat = np.trace(coefficients(A, X.T @ X))
    residual = y - X @ w
    return n * np.sum(residual**2) / (n - hat) ** 2


def _example(n, d, seed):
    rng = np.random.default_rng(seed)
    return -0.3, rng.normal(size=(n, d)), rng.normal(size=n)


EXAMPLES = [_example(6, 2, 0), _example(5, 3, 1)]
WRT = (0, 1, 2)
FUNCTION = cross_validation
