"""Two solves with one matrix and a right-hand side that is a matrix; the diagonal of a product."""

import numpy as np


def predictive_score(K, Ks, Kss, y, y_new):
    A = np.linalg.solve(K, Ks)
    mean = A.T @ y
    cov = Kss - Ks.T @ A
    r = y_new - mean
    sign, logdet = np.linalg.slogdet(cov)
    return -0.5 * (r @ np.linalg.solve(cov, r) + sign * logdet) - 0.1 * np.diag(cov @ cov).sum()


def _example(n, m, seed):
    rng = np.random.default_rng(seed)
    B = rng.normal(size=(n + m, n + m))
    full = B @ B.T + (n + m) * np.eye(n + m)
    return full[:n, :n], full[:n, n:], full[n:, n:], rng.normal(size=n), rng.normal(size=m)


EXAMPLES = [_example(3, 2, 0), _example(2, 1, 1)]
WRT = (0, 1, 2, 3, 4)
FUNCTION = predictive_score
