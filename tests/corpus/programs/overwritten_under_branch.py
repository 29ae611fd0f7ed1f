"""A running value is replaced in some iterations only, and each replacement uses the old one."""

import numpy as np


def select(x, a):
    best = x[0]
    penalty = 0.0
    for i in range(1, len(x)):
        if x[i] > best:
            penalty += (x[i] - best) ** 2
            best = x[i] + a * best * best
    return best - penalty


EXAMPLES = [
    (np.array([0.1, 0.5, 0.2, 0.9, 1.7, 0.3]), 0.1),
    (np.array([0.9, 0.5]), 0.1),
    (np.array([-0.4, 0.3, 1.1]), 0.4),
]
WRT = (0, 1)
FUNCTION = select
