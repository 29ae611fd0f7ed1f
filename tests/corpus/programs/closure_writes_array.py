"""A nested function fills a buffer of the outer one and is called from two loops."""

import numpy as np


def cascade(x, weights):
    out = np.zeros(len(x))

    def spread(i, amount):
        for j in range(i, len(x)):
            out[j] += amount * weights[j - i]

    for i in range(len(x)):
        spread(i, x[i] ** 2)
    for i in range(len(x) - 1, 0, -1):
        spread(i, 0.1 * out[i] * out[i - 1])
    return np.sum(out**2)


EXAMPLES = [
    (np.array([0.5, 1.2, -0.8]), np.array([1.0, 0.5, 0.2])),
    (np.array([0.5, 1.2]), np.array([0.3, -0.7])),
]
WRT = (0, 1)
FUNCTION = cascade
