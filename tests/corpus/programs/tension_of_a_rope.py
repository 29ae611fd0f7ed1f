"""A rope of beads: bending energy by second differences of slices."""

import numpy as np


def bending(x, y, stiffness):
    kx = x[2:] - 2.0 * x[1:-1] + x[:-2]
    ky = y[2:] - 2.0 * y[1:-1] + y[:-2]
    stretch = (x[1:] - x[:-1]) ** 2 + (y[1:] - y[:-1]) ** 2
    return 0.5 * stiffness * np.sum(kx**2 + ky**2) + np.sum((stretch - 1.0) ** 2)


EXAMPLES = [
    (np.array([0.0, 0.9, 2.1, 2.9]), np.array([0.1, 0.3, -0.2, 0.4]), 0.7),
    (np.array([0.0, 1.2, 1.9]), np.array([0.5, 0.1, 0.6]), 1.5),
]
WRT = (0, 1, 2)
FUNCTION = bending
