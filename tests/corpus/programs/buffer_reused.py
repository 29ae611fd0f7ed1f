"""One work buffer is filled, used and cleared in each iteration; its final contents are read as well."""

import numpy as np


def accumulate(X, w):
    n, d = X.shape
    work = np.empty(d)
    total = 0.0
    for i in range(n):
        for j in range(d):
            work[j] = X[i, j] * w[j] + total
        for j in range(1, d):
            work[j] += 0.5 * work[j - 1] ** 2
        total += np.tanh(work[d - 1])
        if i < n - 1:
            work[:] = 0.0
    return total + work @ w


EXAMPLES = [
    (np.random.default_rng(0).normal(size=(3, 2)), np.array([0.5, -1.1])),
    (np.random.default_rng(1).normal(size=(1, 3)), np.array([0.5, -1.1, 0.7])),
]
WRT = (0, 1)
FUNCTION = accumulate
