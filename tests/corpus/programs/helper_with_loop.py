"""The helper holds the loop and the running product that its adjoint must have again."""

import numpy as np


def geometric(x, r):
    total = 0.0
    weight = 1.0
    for i in range(len(x)):
        weight = weight * (r + x[i] ** 2)
        total += weight
    return total


def contrast(x, y, r):
    return np.log(geometric(x, r)) - geometric(y, r * r) * geometric(x, 0.5)


EXAMPLES = [
    (np.array([0.5, 1.1, -0.4]), np.array([0.9, 0.3]), 0.8),
    (np.array([0.5]), np.array([0.9, 0.3, 0.2, 0.6]), 0.4),
]
WRT = (0, 1, 2)
FUNCTION = contrast
