"""Coordinate updates of a mean-field approximation: sweeps in place, then an entropy."""

import numpy as np


def free_energy(J, h, sweeps):
    m = np.tanh(h)
    for _ in range(sweeps):
        for i in range(len(m)):
            m[i] = np.tanh(h[i] + J[i] @ m)
    p = 0.5 * (1.0 + m)
    entropy = -np.sum(p * np.log(p) + (1.0 - p) * np.log(1.0 - p))
    return -0.5 * m @ J @ m - h @ m - entropy


EXAMPLES = [
    (
        np.array([[0.0, 0.5, -0.3], [0.5, 0.0, 0.8], [-0.3, 0.8, 0.0]]),
        np.array([0.2, -0.1, 0.4]),
        2,
    ),
    (np.array([[0.1, 0.7], [0.7, -0.2]]), np.array([0.6, -0.5]), 1),
]
WRT = (0, 1)
FUNCTION = free_energy
UNCONVERGED = True
