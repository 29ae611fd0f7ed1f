"""Each element is overwritten by a function of itself and of the new value before it."""

import numpy as np


def energy(x, a):
    y = x.copy()
    for i in range(1, len(y)):
        y[i] = y[i] * np.cos(y[i - 1]) + a * y[i - 1]
    return np.sum(y**2)


EXAMPLES = [
    (np.array([0.4, 1.3, -0.7, 0.9, 0.2]), 0.3),
    (np.array([0.8, -0.5]), 1.1),
    (np.array([0.6]), 0.5),
]
WRT = (0, 1)
FUNCTION = energy
