"""The whole state is one tuple, unpacked and packed again in each iteration, partly nested."""

import numpy as np


def filtered(u, a, b):
    state = (0.0, (0.1, a))
    total = 0.0
    for i in range(len(u)):
        y, (low, gain) = state
        low = low + b * (u[i] - low)
        y = y * gain + low
        state = (y, (low, 0.9 * gain))
        total += y * y
    return total + state[1][0]


EXAMPLES = [
    (np.array([0.5, 1.0, -0.4, 0.3]), 0.8, 0.3),
    (np.array([-0.9]), 0.2, 0.6),
]
WRT = (0, 1, 2)
FUNCTION = filtered
