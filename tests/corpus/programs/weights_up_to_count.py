"""The number of iterations is an argument plus one, and only part of the arrays is read.

After NVIDIA Warp #140: a factor applied after a loop whose length is computed got no gradient.
"""

import numpy as np


def scaled_sum(a, weights, c, p):
    s = 0.0
    for j in range(p + 1):
        s = s + weights[j] * a[j] * s + weights[j]
    return s * c[0]


EXAMPLES = [
    (np.array([0.5, 1.2, -0.7, 0.9]), np.array([0.3, 0.8, 0.4, 1.0]), np.array([1.5, 9.0]), 2),
    (np.array([0.5]), np.array([0.3]), np.array([0.6]), 0),
]
WRT = (0, 1, 2)
FUNCTION = scaled_sum
