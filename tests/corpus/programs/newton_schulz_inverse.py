"""A quadratically convergent iteration for the inverse, cut short: two products in each iteration."""

import numpy as np


def approximate_trace_of_inverse(A, iterations):
    X = A.T / (np.max(np.sum(np.abs(A), axis=0)) * np.max(np.sum(np.abs(A), axis=1)))
    for _ in range(iterations):
        X = X @ (2.0 * np.eye(len(A)) - A @ X)
    return np.sum(np.diag(X)) + X[0, -1]


EXAMPLES = [
    (np.random.default_rng(0).normal(size=(3, 3)), 2),
    (np.random.default_rng(1).normal(size=(2, 2)), 3),
]
WRT = (0,)
FUNCTION = approximate_trace_of_inverse
UNCONVERGED = True
