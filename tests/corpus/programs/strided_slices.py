"""One level of a lifting wavelet: even and odd elements update each other through slices."""

import numpy as np


def wavelet_energy(x, a, b):
    y = x.copy()
    y[1::2] -= a * y[::2]
    y[::2] += b * y[1::2] ** 2
    y[::-2] *= 0.5
    return np.sum(y[: len(y) // 2] * y[len(y) // 2 :])


EXAMPLES = [
    (np.array([0.5, 1.2, -0.7, 0.9, 0.3, -1.1]), 0.5, 0.3),
    (np.array([0.5, 1.2]), 0.8, -0.6),
]
WRT = (0, 1, 2)
FUNCTION = wavelet_energy
