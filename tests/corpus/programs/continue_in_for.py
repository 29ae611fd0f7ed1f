"""Skipped iterations leave the carried value, which later iterations multiply."""

import numpy as np


def masked_product(x, mask):
    p = 1.0
    s = 0.0
    for i in range(len(x)):
        if mask[i] == 0:
            continue
        p = p * (1.0 + x[i] ** 2)
        if p > 5.0:
            s += x[i]
            continue
        s += p
    return s * p


EXAMPLES = [
    (np.array([0.5, 1.2, -0.3, 1.1, 0.4]), np.array([1, 0, 1, 1, 1])),
    (np.array([1.5, 1.2, -0.8]), np.array([1, 1, 1])),
]
WRT = (0,)
FUNCTION = masked_product
