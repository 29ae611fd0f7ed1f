"""A Kalman filter with matrix states, `slogdet`, `inv` and a rebinding of both moments."""

import numpy as np


def log_likelihood(A, C, Q, R, m, P, ys):
    total = 0.0
    for y in ys:
        m = A @ m
        P = A @ P @ A.T + Q
        S = C @ P @ C.T + R
        e = y - C @ m
        K = P @ C.T @ np.linalg.inv(S)
        total -= 0.5 * (np.linalg.slogdet(S)[1] + e @ np.linalg.solve(S, e))
        m = m + K @ e
        P = P - K @ S @ K.T
    return total


def _example(T, n, d, seed):
    rng = np.random.default_rng(seed)
    return (
        0.5 * rng.normal(size=(n, n)),
        rng.normal(size=(d, n)),
        0.3 * np.eye(n),
        0.5 * np.eye(d) + 0.1,
        rng.normal(size=n),
        np.eye(n),
        rng.normal(size=(T, d)),
    )


EXAMPLES = [_example(3, 2, 2, 0), _example(2, 3, 1, 1)]
WRT = (0, 1, 2, 3)
FUNCTION = log_likelihood
