"""Evaluated from its tail by a loop that counts down and divides by the carried value."""

import numpy as np


def evaluate(a, b, x):
    value = 0.0
    for k in range(len(a) - 1, -1, -1):
        value = b[k] * x / (a[k] + value)
    return value


EXAMPLES = [
    (np.array([1.0, 3.0, 5.0, 7.0]), np.array([1.0, -1.0, 2.0, 0.5]), 0.8),
    (np.array([2.0, 1.5]), np.array([0.3, 0.9]), -1.2),
]
WRT = (0, 1, 2)
FUNCTION = evaluate
