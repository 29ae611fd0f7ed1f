"""Two names for one array: in-place addition is seen through both, rebinding through one."""

import numpy as np


def alias(x, w):
    a = x * w
    b = a
    b += x
    total = np.sum(a * w)
    b = b * 2.0
    a[0] = b[1] * total
    c = a
    c -= np.cos(b)
    return np.sum(a * b) + total


EXAMPLES = [
    (np.array([0.5, -1.2, 0.8]), np.array([1.1, 0.4, -0.6])),
    (np.array([0.5, -1.2]), 0.7),
]
WRT = (0, 1)
FUNCTION = alias
