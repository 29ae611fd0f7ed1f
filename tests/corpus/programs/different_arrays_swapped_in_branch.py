"""Which of two arrays of different lengths comes first depends on a number."""

import numpy as np


def ordered(x, s):
    y = x
    z = np.zeros(4)
    if s > 0.0:
        y, z = z, y
    c = np.concatenate([y, z]) * s
    return np.sum(c * np.sin(c) * np.arange(1.0, len(c) + 1.0))


EXAMPLES = [
    (np.array([0.4, -0.9, 1.3]), 0.8),
    (np.array([0.4, -0.9, 1.3]), -0.7),
]
WRT = (0, 1)
FUNCTION = ordered
