"""The textbook triple loop: every element written once is read again by later ones."""

import math

import numpy as np


def log_det(A):
    n = A.shape[0]
    L = np.zeros((n, n))
    for j in range(n):
        s = A[j, j]
        for k in range(j):
            s -= L[j, k] ** 2
        L[j, j] = math.sqrt(s)
        for i in range(j + 1, n):
            s = A[i, j]
            for k in range(j):
                s -= L[i, k] * L[j, k]
            L[i, j] = s / L[j, j]
    total = 0.0
    for i in range(n):
        total += 2.0 * math.log(L[i, i])
    return total + L[n - 1, 0]


def _spd(n, seed):
    B = np.random.default_rng(seed).normal(size=(n, n))
    return B @ B.T + n * np.eye(n)


EXAMPLES = [(_spd(4, 0),), (_spd(2, 1),)]
WRT = (0,)
FUNCTION = log_det
