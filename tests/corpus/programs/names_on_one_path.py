"""A list and an array that one path leaves out are read again where the condition is the same."""

import numpy as np


def on_one_path(x, a, limit):
    s = a
    go = a > limit
    if go:
        rows = [x]
        rows.append(x * a)
        y = x[x > 0.2] * a
    s = s * s
    if go:
        for row in rows:
            s += np.sum(row**3)
        y[0] *= 2.0
        s += np.sum(y * y)
    return s


EXAMPLES = [
    (np.array([0.3, 0.5, 0.1]), 0.9, 0.2),
    (np.array([0.6, 0.15, 1.35, 0.1]), 0.7, 0.8),
    (np.array([0.1, 0.4]), 1.2, 0.4),
]
WRT = (0, 1)
FUNCTION = on_one_path
