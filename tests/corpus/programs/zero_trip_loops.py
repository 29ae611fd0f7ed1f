"""Loops that make no iteration at all for some arguments, before and inside loops that do."""

import numpy as np


def sums(x, start, n):
    s = start * start
    for i in range(n):
        s = s * x[i]
        for j in range(2, i):
            s += x[j] * s
    t = 1.0
    for i in range(len(x), n):
        t = t * s * i
    return s + t


EXAMPLES = [
    (np.array([0.5, 1.2, 0.8, -0.4]), 0.7, 4),
    (np.array([0.5, 1.2, 0.8, -0.4]), 0.7, 0),
    (np.array([0.5, 1.2]), 1.4, 2),
    (np.array([]), 1.4, 0),
]
WRT = (0, 1)
FUNCTION = sums
