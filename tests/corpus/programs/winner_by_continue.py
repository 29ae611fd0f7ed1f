"""A maximum found by comparison in nested loops in which zeros are skipped by `continue`.

After NVIDIA Warp #1552: the gradient went to the iteration that ran last instead of the one that won.
"""

import numpy as np


def dilated(x, kernel):
    total = 0.0
    for i in range(len(x)):
        best = -1e20
        for p in range(kernel.shape[0]):
            for q in range(kernel.shape[1]):
                c = kernel[p, q]
                if c == 0.0:
                    continue
                value = x[i] * c * (p + 1.0 - 1.6 * q)
                if value > best:
                    best = value
        total += best * (i + 1)
    return total


EXAMPLES = [
    (np.array([0.5, -1.2, 0.8]), np.array([[0.7, 0.0, 1.3], [0.0, -0.9, 0.4]])),
    (np.array([-0.6]), np.array([[0.0, 1.1], [0.6, 0.0]])),
]
WRT = (0, 1)
FUNCTION = dilated
