"""A few normalised matrix-vector products, far from the dominant eigenvector."""

import numpy as np


def rayleigh(A, v, steps):
    for _ in range(steps):
        v = A @ v
        v = v / np.sqrt(np.sum(v**2))
    return v @ A @ v


EXAMPLES = [
    (np.random.default_rng(0).normal(size=(3, 3)), np.array([1.0, 0.5, -0.3]), 2),
    (np.random.default_rng(1).normal(size=(4, 4)), np.array([1.0, 0.5, -0.3, 0.9]), 1),
]
WRT = (0, 1)
FUNCTION = rayleigh
UNCONVERGED = True
