"""Branches on indices and on data in nested loops that write a table."""

import numpy as np


def lattice(x, coupling):
    n, m = x.shape
    out = np.zeros((n, m))
    for i in range(n):
        for j in range(m):
            if i == j:
                out[i, j] = x[i, j] ** 2
            elif x[i, j] > 0.0:
                out[i, j] = coupling * x[i, j] * x[i - 1, j]
            else:
                out[i, j] = out[i, j - 1] - np.sin(x[i, j])
    return np.sum(out * x)


EXAMPLES = [
    (np.array([[0.5, 1.2, -0.3], [-0.7, 0.4, 0.8], [0.3, -0.6, 1.1]]), 0.7),
    (np.array([[0.5, 1.2, -0.3, 0.2], [-0.7, 0.4, 0.8, -1.4]]), 1.3),
]
WRT = (0, 1)
FUNCTION = lattice
