"""Loop variables and names bound only inside the loop are read after it has ended."""

import numpy as np


def last_ones(x, n):
    total = 0.0
    for k in range(1, n):
        value = x[k - 1] * x[k]
        total += value / k
    for row in (x, 2.0 * x):
        shifted = row + k
    return total + value * k + np.sum(shifted * row)


EXAMPLES = [
    (np.array([0.5, 1.5, -0.6, 0.9]), 4),
    (np.array([0.5, 1.5, -0.6]), 2),
]
WRT = (0,)
FUNCTION = last_ones
