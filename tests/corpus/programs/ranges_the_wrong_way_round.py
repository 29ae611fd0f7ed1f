"""Loops whose bounds are arguments: of any sign, from 2, between two numbers, with storage made inside."""

import numpy as np


def wander(x, first, last):
    s = x[0]
    for i in range(2, last):
        s = np.sin(s * x[i - 2])
    for i in range(first, last):
        s = np.tanh(s + x[i % 3])
    for _ in range(last):
        y = np.zeros(last)
        y[0] = s
        for j in range(1, last):
            y[j] = np.sin(y[j - 1] + x[j % 3])
        s = np.sum(y * y) * 0.3
    for i in range(last - 1, -1, -1):
        s = s * np.cos(s + 0.1 * i)
    return s * s


EXAMPLES = [
    (np.array([0.5, 0.2, -0.3]), 1, 4),
    (np.array([0.5, 0.2, -0.3]), 3, 2),
    (np.array([0.5, 0.2, -0.3, 0.4]), -2, 1),
    (np.array([0.5, 0.2, -0.3]), 2, 0),
    (np.array([0.5, 0.2, -0.3]), -1, -3),
]
WRT = (0,)
FUNCTION = wander
