"""A nested function reads an array of the outer function, which is written between the calls."""

import numpy as np


def relax(x, k):
    u = x.copy()

    def energy(i):
        return u[i] ** 2 + k * u[i] * u[i - 1]

    total = 0.0
    for i in range(1, len(u)):
        total += energy(i)
        u[i] = np.sin(energy(i))
        total -= k * energy(i)
    return total


EXAMPLES = [
    (np.array([0.5, 1.2, -0.8, 0.3]), 0.7),
    (np.array([0.5, 1.2]), -0.4),
]
WRT = (0, 1)
FUNCTION = relax
