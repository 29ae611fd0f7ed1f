"""A matrix product written as three loops in the order that walks memory contiguously."""

import numpy as np


def product_norm(A, B):
    C = np.zeros((A.shape[0], B.shape[1]))
    for i in range(A.shape[0]):
        for k in range(A.shape[1]):
            a = A[i, k]
            for j in range(B.shape[1]):
                C[i, j] += a * B[k, j]
    return np.sqrt(np.sum(C * C))


EXAMPLES = [
    (np.random.default_rng(0).normal(size=(2, 3)), np.random.default_rng(1).normal(size=(3, 2))),
    (np.random.default_rng(2).normal(size=(3, 1)), np.random.default_rng(3).normal(size=(1, 4))),
]
WRT = (0, 1)
FUNCTION = product_norm
