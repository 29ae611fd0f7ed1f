"""A vector multiplied by another again and again, with all partial results kept.

After Theano's tutorial on `scan`, whose first example raises an array to an integer power.
"""

import numpy as np


def powers(a, k):
    result = np.ones_like(a)
    partial = np.empty((k, len(a)))
    for i in range(k):
        result = result * a
        partial[i] = result
    return partial


def weighted(a, coefficients):
    return np.sum(coefficients[:, None] * powers(a, len(coefficients)))


EXAMPLES = [
    (np.array([0.5, -1.2, 0.8]), np.array([1.0, 0.3, -0.4])),
    (np.array([0.5]), np.array([0.7])),
]
WRT = (0, 1)
FUNCTION = weighted
