"""`y[t] = step(y[t - 1])`: the buffer is its own history, through a call to a helper."""

import numpy as np


def step(y, r):
    return r * y * (1.0 - y) + 0.1 * np.sin(y)


def total(y0, r, n):
    y = np.empty(n)
    y[0] = y0
    for t in range(1, n):
        y[t] = step(y[t - 1], r)
    return y.sum()


EXAMPLES = [(0.3, 2.7, 6), (0.6, 3.1, 4), (0.6, 3.1, 1)]
WRT = (0, 1)
FUNCTION = total
