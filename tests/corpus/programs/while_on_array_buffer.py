"""A `while` moves an index through an array and writes behind itself."""

import numpy as np


def relax(x, limit):
    x = x.copy()
    i = 0
    while i < len(x) - 1:
        if x[i] > limit:
            x[i + 1] += 0.5 * (x[i] - limit) ** 2
            x[i] = limit + 0.1 * np.sin(x[i])
        i += 1
    return np.sum(x**3)


EXAMPLES = [
    (np.array([1.5, 0.4, 1.3, 0.2, 0.8]), 0.9),
    (np.array([2.5, 0.4, 0.1]), 0.6),
    (np.array([0.3]), 0.6),
]
WRT = (0,)
FUNCTION = relax
