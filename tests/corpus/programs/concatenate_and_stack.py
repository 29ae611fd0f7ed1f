"""Arrays are joined along old and new axes, reshaped and reduced, with unequal lengths."""

import numpy as np


def features(x, y, b):
    joined = np.concatenate((x, y[1:], x * b))
    pairs = np.stack((x, x[::-1], x**2), axis=1)
    block = np.concatenate((pairs, pairs.T.reshape(len(x), 3)), axis=1)
    return np.sum(np.tanh(block)) + np.sum(joined**2) + np.max(block.ravel())


EXAMPLES = [
    (np.array([0.5, -1.2]), np.array([0.3, 0.9, 1.4]), 0.7),
    (np.array([0.5, -1.2, 0.8]), np.array([0.3]), -0.4),
]
WRT = (0, 1, 2)
FUNCTION = features
