"""The rows of a matrix and the entries of a vector, both in reverse order, feed a recurrence."""

import numpy as np


def backward_messages(A, b, data, weights):
    beta = np.ones(len(b))
    for row, weight in zip(reversed(data), reversed(weights)):
        beta = A @ (beta * np.exp(-row * b)) + weight**2
    return np.log(beta).sum()


EXAMPLES = [
    (
        np.random.default_rng(0).random((2, 2)),
        np.array([0.5, 0.8]),
        np.random.default_rng(1).random((3, 2)),
        np.array([0.3, 0.7, 1.1]),
    ),
    (
        np.random.default_rng(2).random((3, 3)),
        np.array([0.5, 0.8, -0.4]),
        np.random.default_rng(3).random((2, 3)),
        np.array([0.9, 0.2]),
    ),
]
WRT = (0, 1, 2, 3)
FUNCTION = backward_messages
