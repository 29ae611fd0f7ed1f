"""Each iteration writes a column through one view and reads it through another: the residual has to be a copy."""

import numpy as np


def f(x, A):
    y = x * 2.0
    A = A * 1.0
    column = A[:, 2]
    iterations = 0
    while iterations < 2:
        iterations += 1
        tail = column[2:]
        tail[:] += np.sin(y[0])
        y[1:] *= column[:-1]
    return np.sum(y * y)


EXAMPLES = [
    (np.array([0.5, 1.0, -0.7, 2.0]), np.linspace(0.1, 1.0, 16).reshape(4, 4)),
    (np.array([0.4, -1.2, 0.9]), np.linspace(0.2, 1.4, 9).reshape(3, 3)),
]
WRT = (0, 1)
FUNCTION = f
