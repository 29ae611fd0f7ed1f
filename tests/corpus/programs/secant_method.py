"""Four scalars shift along in each iteration: two points and the two values there."""

import numpy as np


def secant(c, x0, x1, steps):
    f0 = np.cos(x0) - c * x0
    for _ in range(steps):
        f1 = np.cos(x1) - c * x1
        x0, x1, f0 = x1, x1 - f1 * (x1 - x0) / (f1 - f0), f1
    return x1


EXAMPLES = [(1.0, 0.0, 1.5, 2), (0.4, 0.2, 0.6, 1), (1.5, 0.1, 1.2, 3)]
WRT = (0, 1, 2)
FUNCTION = secant
UNCONVERGED = True
