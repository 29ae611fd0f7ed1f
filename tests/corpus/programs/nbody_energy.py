"""A loop over pairs of rows, with an inner loop over coordinates and a softened distance."""

import math

import numpy as np


def potential(x, m, eps):
    n, dim = x.shape
    energy = 0.0
    for i in range(n):
        for j in range(i + 1, n):
            r2 = eps * eps
            for d in range(dim):
                r2 += (x[i, d] - x[j, d]) ** 2
            energy -= m[i] * m[j] / math.sqrt(r2)
    return energy


EXAMPLES = [
    (np.random.default_rng(0).normal(size=(4, 3)), np.array([1.0, 0.5, 2.0, 0.7]), 0.1),
    (np.random.default_rng(1).normal(size=(2, 2)), np.array([1.0, 0.5]), 0.3),
]
WRT = (0, 1, 2)
FUNCTION = potential
