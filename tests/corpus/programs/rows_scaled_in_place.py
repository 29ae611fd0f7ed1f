"""A row is read before and after it is overwritten, through one view, and its neighbour is made from it."""

import numpy as np


def scaled_rows(A, x):
    B = A.copy()
    for i in range(len(A) - 1, 0, -1):
        B[i] = B[i] * B[i, i - 1]
        B[i - 1] = B[i] * np.sum(B[i - 1, : i + 1] ** 2)
    return np.sum(B * B) + np.sum(B @ x)


def _example(n, seed):
    rng = np.random.default_rng(seed)
    return 0.8 * rng.normal(size=(n, n)), rng.normal(size=n)


EXAMPLES = [_example(4, 3), _example(3, 0)]
WRT = (0, 1)
FUNCTION = scaled_rows
