"""`and`, `or` and `not` guard array accesses that would be out of range without them."""

import numpy as np


def peaks(x):
    n = len(x)
    total = 0.0
    for i in range(n):
        rises = i == 0 or x[i] > x[i - 1]
        if rises and not (i + 1 < n and x[i + 1] > x[i]):
            total += x[i] ** 2
        elif i > 0 and x[i] < x[i - 1]:
            total -= x[i] * x[i - 1]
    return total


EXAMPLES = [
    (np.array([0.2, 1.0, 0.5, 0.7, 1.9, -0.3]),),
    (np.array([0.9, 0.4]),),
    (np.array([0.9]),),
]
WRT = (0,)
FUNCTION = peaks
