"""A value that is computed only in some iterations, in a loop whose index serves the condition alone."""

import numpy as np


def last_large(x, A, s):
    A = A * 1.0
    for i, _ in zip(range(4), x):
        if A[3, i] > 0.1:
            s = np.tanh(0.7 * A[2, 3])
    return s + np.sum(x * x)


EXAMPLES = [
    (np.array([0.5, -0.2, 0.3, 0.1]), np.linspace(-0.5, 0.6, 16).reshape(4, 4), 0.5),
    (np.array([0.5, -0.2, 0.3, 0.1]), np.linspace(-0.5, 0.0, 16).reshape(4, 4), 0.5),
]
WRT = (0, 1, 2)
FUNCTION = last_large
