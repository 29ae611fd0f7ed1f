"""Ranges with steps of two and of minus two walk over one array that they write."""

import numpy as np


def red_black(x, w):
    x = x.copy()
    n = len(x)
    for i in range(1, n - 1, 2):
        x[i] = (1.0 - w) * x[i] + 0.5 * w * (x[i - 1] ** 2 + x[i + 1])
    for i in range(n - 1, 0, -2):
        x[i] = x[i] * x[i - 1]
    return np.sum(x)


EXAMPLES = [
    (np.array([0.5, 1.5, -0.6, 0.9, 0.3, 1.1]), 0.6),
    (np.array([0.5, 1.5, -0.6]), 1.2),
    (np.array([0.5, 0.8, 1.5, -0.6, 0.9]), 0.3),
]
WRT = (0, 1)
FUNCTION = red_black
