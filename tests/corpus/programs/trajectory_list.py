"""States are appended to a list, which becomes an array that is compared with data."""

import numpy as np


def misfit(y0, rate, data):
    y = y0
    trajectory = []
    for t in range(len(data)):
        y = y + 0.3 * rate * y * (1.0 - y)
        trajectory.append(y * (1.0 + 0.1 * t))
    residual = np.array(trajectory) - data
    return np.sum(residual**2)


EXAMPLES = [
    (0.2, 1.1, np.array([0.3, 0.5, 0.6, 0.9])),
    (0.7, 0.4, np.array([0.9])),
]
WRT = (0, 1, 2)
FUNCTION = misfit
