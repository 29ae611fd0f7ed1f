"""Rows are orthogonalised in place through views, each against rows written before it."""

import numpy as np


def orthogonalise(A):
    Q = A.copy()
    for i in range(len(Q)):
        q = Q[i]
        for j in range(i):
            q -= (q @ Q[j]) * Q[j]
        q /= np.sqrt(q @ q)
    return np.sum(Q * np.cos(A))


EXAMPLES = [
    (np.random.default_rng(0).normal(size=(3, 4)),),
    (np.random.default_rng(1).normal(size=(2, 3)),),
]
WRT = (0,)
FUNCTION = orthogonalise
