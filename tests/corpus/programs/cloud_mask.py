"""Reflectances of satellite pixels, weighted by the bits of their quality bytes that are not set."""

import numpy as np


def clear_sky_mean(reflectance, log_weights, quality):
    total = 0.0
    weight = 0.0
    for r, q in zip(reflectance, quality):
        clear = ~q & 3
        w = np.exp(log_weights[int(clear)])
        total += w * r
        weight += w
    return total / weight


EXAMPLES = [
    (
        np.array([0.3, 0.8, 0.2]),
        np.array([-2.0, -0.5, -0.7, 0.1]),
        np.array([0, 2, 255], dtype=np.uint8),
    ),
    (np.array([0.6, 0.1]), np.array([-1.0, 0.2, 0.3, 0.9]), np.array([1, 64], dtype=np.uint8)),
]
WRT = (0, 1)
FUNCTION = clear_sky_mean
