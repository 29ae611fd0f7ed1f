"""The same kind of table kept in two rows only, which are overwritten and exchanged."""

import numpy as np
from scipy.special import logsumexp


def soft_dtw(x, y, gamma):
    m = len(y)
    previous = np.full(m + 1, 1e3)
    current = np.full(m + 1, 1e3)
    previous[0] = 0.0
    for i in range(len(x)):
        current[0] = 1e3
        for j in range(m):
            candidates = np.array([previous[j], previous[j + 1], current[j]])
            current[j + 1] = abs(x[i] - y[j]) - gamma * logsumexp(-candidates / gamma)
        previous, current = current, previous
    return previous[m]


EXAMPLES = [
    (np.array([0.1, 0.8, 1.5]), np.array([0.3, 1.1]), 0.5),
    (np.array([0.4, -0.6]), np.array([0.0, 0.9, 0.2]), 1.0),
]
WRT = (0, 1, 2)
FUNCTION = soft_dtw
