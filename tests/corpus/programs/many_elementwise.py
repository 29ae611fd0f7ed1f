"""A long chain of elementary functions from `math` and from NumPy on scalars and arrays."""

import math

import numpy as np


def chain(x, a):
    s = math.atan(a) + math.cosh(0.3 * a) - math.log1p(a * a) * math.expm1(-a)
    y = np.arctan(x) + np.log1p(np.exp(x)) * np.sinh(0.2 * x)
    z = np.hypot(y, s) / np.tan(0.3 + 0.1 * np.cos(x)) + np.arctan2(y, 2.0 + x**2)
    return np.mean(np.square(z)) + math.hypot(s, 1.0) * math.pow(a, 1.5)


EXAMPLES = [
    (np.array([0.5, -1.2, 0.8]), 0.7),
    (np.array([[0.5], [1.9]]), 1.3),
]
WRT = (0, 1)
FUNCTION = chain
