"""Rows, slices of rows and a whole block are views, and writing them changes the matrix."""

import numpy as np


def edit(A, w):
    B = A.copy()
    first = B[0]
    tail = B[1:, 1:]
    first[:] = first * w
    tail *= B[0, 0]
    last = B[-1]
    last[0] = np.sum(first)
    tail[-1, -1] += last[0] ** 2
    return np.sum(B * A) + np.sum(tail)


EXAMPLES = [
    (np.random.default_rng(0).normal(size=(3, 3)), np.array([0.5, 1.5, -1.0])),
    (np.random.default_rng(1).normal(size=(2, 4)), np.array([0.5, 1.5, -1.0, 0.3])),
]
WRT = (0, 1)
FUNCTION = edit
