"""Proximal gradient steps with `sign`, `abs` and `maximum`, where some coordinates are cut to 0."""

import numpy as np


def lasso_objective(A, b, penalty, rate, steps):
    x = np.zeros(A.shape[1])
    for _ in range(steps):
        x = x - rate * A.T @ (A @ x - b)
        x = np.sign(x) * np.maximum(np.abs(x) - rate * penalty, 0.0)
    r = A @ x - b
    return 0.5 * r @ r + penalty * np.sum(np.abs(x))


def _example(n, d, seed, steps):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=n), 0.5, 0.1, steps


EXAMPLES = [_example(4, 3, 0, 3), _example(3, 5, 1, 2)]
WRT = (0, 1, 2, 3)
FUNCTION = lasso_objective
UNCONVERGED = True
