"""Horner's rule that reads `p[i]` downwards: one element's adjoint must not cost a whole array.

After Zygote #644 and #905, where each read of an element cost as much as the array is long.
"""

import numpy as np


def evaluate(x, p):
    result = p[-1]
    for i in range(len(p) - 2, -1, -1):
        result = result * x + p[i]
    return result * np.cos(x)


EXAMPLES = [
    (0.8, np.array([0.5, -1.2, 0.3, 0.9, 1.1])),
    (-1.3, np.array([0.7])),
]
WRT = (0, 1)
FUNCTION = evaluate
