"""Simple kriging as geostatisticians write it: a Cholesky factor, and general solves with it and its transpose."""

import numpy as np


def covariance(sites, length, sill):
    difference = sites[:, None, :] - sites[None, :, :]
    return sill * np.exp(-np.sqrt(np.sum(difference**2, axis=-1) + 1e-6) / length)


def negative_log_likelihood(length, sill, nugget, sites, values):
    C = covariance(sites, length, sill) + nugget * np.eye(len(sites))
    L = np.linalg.cholesky(C)
    weights = np.linalg.solve(L.T, np.linalg.solve(L, values))
    return 0.5 * values @ weights + np.log(np.diag(L)).sum()


def _example(n, seed):
    rng = np.random.default_rng(seed)
    return 0.8, 1.3, 0.2, rng.uniform(size=(n, 2)), rng.normal(size=n)


EXAMPLES = [_example(5, 0), _example(3, 1)]
WRT = (0, 1, 2, 4)
FUNCTION = negative_log_likelihood
