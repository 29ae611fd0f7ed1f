"""An element of an argument is added to in an inner loop over another array, and then used.

After Taichi #8356, where this form and the one with a local sum gave different gradients.
"""

import numpy as np


def spread(x, y):
    for i in range(len(x)):
        for j in range(len(y)):
            x[i] += y[j] * np.sin(x[i])
    total = 0.0
    for i in range(len(x)):
        total += x[i] ** 2
    return total


EXAMPLES = [
    (np.array([0.5, -1.2, 0.8]), np.array([0.3, -0.4])),
    (np.array([0.5]), np.array([0.7, 0.2, -0.3])),
]
WRT = (0, 1)
FUNCTION = spread
