"""Elements are read, overwritten, read again and overwritten again in straight-line code."""

import numpy as np


def rewrite(x):
    y = np.zeros(3)
    y[0] = x[0] * x[1]
    old = y[0]
    y[0] = np.exp(y[0]) * x[2]
    y[1] = old * y[0]
    y[2] = y[0] + y[1]
    y[1] = y[1] * y[1] + y[2]
    y[0] = old * x[-1]
    x[0] = y[1]
    return y[0] * y[1] - y[2] * x[0]


EXAMPLES = [
    (np.array([0.5, 1.2, -0.7]),),
    (np.array([0.5, 1.2, 0.4, -0.9]),),
]
WRT = (0,)
FUNCTION = rewrite
