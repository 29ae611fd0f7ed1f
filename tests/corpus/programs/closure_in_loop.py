"""A function defined in a loop captures that iteration's values and is called at once."""

import numpy as np


def layered(x, scales):
    total = 0.0
    for i in range(len(scales)):
        width = scales[i] ** 2 + 0.5

        def bump(r):
            return np.exp(-r * r / width) * (i + 1)

        total += bump(x - 0.5) * bump(x + scales[i])
        x = x + 0.1 * total
    return total


EXAMPLES = [
    (0.3, np.array([0.5, 1.1, -0.7])),
    (-0.6, np.array([0.9])),
]
WRT = (0, 1)
FUNCTION = layered
