"""Each iteration writes one element of a result array, from one row and from row 0.

After autograd #177 and #389, where assignment into an array is refused.
"""

import numpy as np


def correlations(theta):
    result = np.zeros(len(theta))
    for m in range(len(theta)):
        result[m] = np.sum(theta[m] * theta[0]) / np.sqrt(np.sum(theta[m] ** 2))
    return np.sum(result)


EXAMPLES = [
    (np.random.default_rng(0).normal(size=(4, 3)),),
    (np.random.default_rng(1).normal(size=(1, 2)),),
]
WRT = (0,)
FUNCTION = correlations
