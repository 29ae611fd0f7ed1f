"""A solver in a helper returns early on a tolerance, and fills the columns of a matrix.

After autograd #556, where a conjugate-gradient solver of the user's own was to be differentiated.
"""

import numpy as np


def solve(A, b, tol):
    x = np.zeros_like(b)
    r = b - A @ x
    p = r
    for _ in range(len(b)):
        alpha = (p @ r) / (p @ (A @ p))
        x = x + alpha * p
        r = b - A @ x
        if np.sqrt(np.sum(r**2)) < tol:
            return x
        p = r - (p @ (A @ r)) / (p @ (A @ p)) * p
    return x


def response(scale, B, tol):
    A = B.T @ np.diag(scale) @ B + np.eye(B.shape[1])
    X = np.zeros((B.shape[1], 2))
    for z in range(2):
        X[:, z] = solve(A, B[z], tol)
    return np.sum(np.diag(scale) @ B @ X)


EXAMPLES = [
    (np.array([0.5, 1.2, 0.8]), np.random.default_rng(0).normal(size=(3, 3)), 0.2),
    (np.array([0.5, 1.2]), np.random.default_rng(1).normal(size=(2, 4)), 0.5),
]
WRT = (0, 1)
FUNCTION = response
UNCONVERGED = True
