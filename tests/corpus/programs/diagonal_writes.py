"""Diagonal elements are added to and corners replaced before a determinant and an inverse."""

import numpy as np


def regularised(A, jitter):
    B = A @ A.T
    for i in range(len(B)):
        B[i, i] += jitter * (i + 1)
    B[0, -1] = B[-1, 0] * jitter
    return np.log(np.linalg.det(B)) + np.sum(np.linalg.inv(B)[0])


EXAMPLES = [
    (np.random.default_rng(0).normal(size=(3, 3)), 0.5),
    (np.random.default_rng(1).normal(size=(2, 4)), 0.9),
]
WRT = (0, 1)
FUNCTION = regularised
