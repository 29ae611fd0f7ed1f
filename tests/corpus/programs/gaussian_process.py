"""A log marginal likelihood: pairwise distances, a Cholesky factor and triangular solves."""

import numpy as np
from scipy.linalg import solve_triangular


def kernel(X, log_scale, log_amplitude):
    Z = X / np.exp(log_scale)
    r2 = np.sum((Z[:, None, :] - Z[None, :, :]) ** 2, axis=-1)
    return np.exp(2.0 * log_amplitude - 0.5 * r2)


def log_marginal_likelihood(log_scale, log_amplitude, log_noise, X, y):
    K = kernel(X, log_scale, log_amplitude) + np.exp(2.0 * log_noise) * np.eye(len(X))
    L = np.linalg.cholesky(K)
    alpha = solve_triangular(L, y, lower=True)
    return -0.5 * alpha @ alpha - np.sum(np.log(np.diag(L))) - 0.5 * len(y) * np.log(2.0 * np.pi)


def _example(n, d, seed):
    rng = np.random.default_rng(seed)
    return 0.3 * rng.normal(size=d), 0.2, -0.7, rng.normal(size=(n, d)), rng.normal(size=n)


EXAMPLES = [
    _example(4, 2, 0),
    _example(3, 1, 1),
    (0.4, 0.1, -0.5, np.array([[0.3, 1.0], [-0.7, 0.2]]), np.array([0.5, -1.1])),
]
WRT = (0, 1, 2, 3, 4)
FUNCTION = log_marginal_likelihood
