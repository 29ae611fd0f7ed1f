"""Two arrays of different lengths change places after each iteration, and are joined in between."""

import numpy as np


def joined(x, steps):
    y = x * 1.0
    z = np.zeros(4)
    total = 0.0
    for _ in range(steps):
        c = np.concatenate([y, z])
        total += np.sum(c * np.sin(c) * np.arange(len(c)))
        y, z = z, y
    return total


EXAMPLES = [
    (np.array([0.4, -0.9, 1.3]), 1),
    (np.array([0.4, -0.9, 1.3]), 2),
    (np.array([0.4, -0.9, 1.3, 0.2, -0.6]), 3),
]
WRT = (0,)
FUNCTION = joined
