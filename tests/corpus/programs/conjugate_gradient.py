"""Fewer steps than the dimension, with vectors updated in place and one scalar carried over."""

import numpy as np


def approximate_solution(A, b, steps):
    x = np.zeros_like(b)
    r = b.copy()
    p = r.copy()
    rr = r @ r
    for _ in range(steps):
        Ap = A @ p
        alpha = rr / (p @ Ap)
        x += alpha * p
        r -= alpha * Ap
        new = r @ r
        p *= new / rr
        p += r
        rr = new
    return b @ x + np.sum(x**3)


def _example(n, seed, steps):
    rng = np.random.default_rng(seed)
    B = rng.normal(size=(n, n))
    return B @ B.T + np.eye(n), rng.normal(size=n), steps


EXAMPLES = [_example(4, 0, 2), _example(3, 1, 1), _example(3, 1, 0)]
WRT = (0, 1)
FUNCTION = approximate_solution
UNCONVERGED = True
