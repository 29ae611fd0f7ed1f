"""Whole numbers are written into arrays of floats: the old elements have no share in the result any more."""

import numpy as np


def counted(x, weights):
    y = x * 2.0
    y[1] += 3
    for i in range(0, len(x), 2):
        y[i] = i
        y[0] += x[i] * weights[i]
    kept = [x[0]]
    kept.append(2)
    kept[0] *= y[0]
    y[-2:] = np.arange(1, 3)
    y[-1] *= x[-1]
    return np.sum(weights * y**2) + kept[0] * kept[1]


EXAMPLES = [
    (np.array([0.3, -0.8, 0.5, 1.2]), np.array([0.4, 1.1, -0.6, 0.9])),
    (np.array([0.6, -0.4, 0.7, 0.2, -1.1]), np.array([0.5, -0.2, 0.8, 1.3, 0.1])),
]
WRT = (0, 1)
FUNCTION = counted
