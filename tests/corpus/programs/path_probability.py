"""The probability of a path of states: transition probabilities are multiplied along it."""

import numpy as np


def surprise(scores, path):
    p = 1.0
    for t in range(1, len(path)):
        row = np.exp(scores[path[t - 1]])
        p = p * row[path[t]] / np.sum(row)
    return -np.log(p)


EXAMPLES = [
    (np.array([[0.2, -0.5], [1.0, 0.3]]), np.array([0, 1, 1, 0])),
    (np.array([[0.1, 0.4, -0.2], [0.6, 0.0, 0.3], [-0.3, 0.8, 0.5]]), np.array([2, 0, 1])),
]
WRT = (0,)
FUNCTION = surprise
