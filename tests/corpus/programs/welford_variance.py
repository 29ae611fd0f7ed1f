"""One-pass moments: three carried values enter each other's updates in a fixed order."""

import math

import numpy as np


def skewness(x):
    mean = 0.0
    m2 = 0.0
    m3 = 0.0
    for n, value in enumerate(x, 1):
        delta = value - mean
        mean += delta / n
        term = delta * (value - mean)
        m3 += term * delta * (n - 2) / n - 3.0 * m2 * delta / n
        m2 += term
    return math.sqrt(len(x)) * m3 / m2**1.5


EXAMPLES = [
    (np.array([0.5, 1.2, -0.7, 0.9, 3.0]),),
    (np.array([0.5, 1.3, 0.2]),),
]
WRT = (0,)
FUNCTION = skewness
