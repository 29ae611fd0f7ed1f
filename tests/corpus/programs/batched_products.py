"""Stacked matrix products, where one factor is shared by the whole batch and one is a vector."""

import numpy as np


def bilinear(A, B, v):
    C = A @ B
    scores = C @ v
    return np.sum(np.tanh(scores)) + np.sum(C.transpose(0, 2, 1) @ A)


EXAMPLES = [
    (
        np.random.default_rng(0).normal(size=(2, 3, 2)),
        np.random.default_rng(1).normal(size=(2, 2)),
        np.array([0.5, -1.3]),
    ),
    (
        np.random.default_rng(2).normal(size=(3, 1, 2)),
        np.random.default_rng(3).normal(size=(3, 2, 2)),
        np.array([0.5, -1.3]),
    ),
]
WRT = (0, 1, 2)
FUNCTION = bilinear
