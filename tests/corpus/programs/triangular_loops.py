"""The inner range ends at the outer index, so the number of iterations differs from row to row."""

import numpy as np


def pair_sum(x, w):
    total = 0.0
    for i in range(len(x)):
        inner = w
        for j in range(i):
            inner = inner * np.cos(x[i] - x[j]) + 0.1
        total += inner * x[i]
    return total


EXAMPLES = [
    (np.array([0.3, -0.9, 1.4, 0.5]), 0.8),
    (np.array([0.3, 1.1]), -0.6),
    (np.array([0.7]), 0.4),
]
WRT = (0, 1)
FUNCTION = pair_sum
