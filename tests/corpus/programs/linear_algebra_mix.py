"""`inv`, `det`, `solve` with a matrix, `outer` and `dot` on one matrix that all of them use."""

import numpy as np


def criterion(A, u, v):
    updated = A + np.outer(u, v)
    X = np.linalg.solve(updated, A)
    correction = 1.0 + v.dot(np.linalg.inv(A)).dot(u)
    return np.linalg.det(updated) / np.linalg.det(A) - correction**2 + np.sum(np.diag(X))


def _example(n, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, n)) + 2.0 * n * np.eye(n), rng.normal(size=n), rng.normal(size=n)


EXAMPLES = [_example(3, 0), _example(2, 1)]
WRT = (0, 1, 2)
FUNCTION = criterion
