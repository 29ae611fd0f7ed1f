"""Chained comparisons choose between three formulas, and a fourth case falls through."""

import numpy as np


def smooth_step(x):
    total = 0.0
    for i in range(len(x)):
        t = x[i]
        if 0.0 <= t < 1.0:
            t = t * t * (3.0 - 2.0 * t)
        elif 1.0 <= t <= 2.0 < x[0] + 2.5:
            t = 1.0 / t
        elif t > 2.0:
            t = np.log(t)
        total += t * t
    return total


EXAMPLES = [
    (np.array([0.3, 1.4, 2.9, -0.7]),),
    (np.array([-0.8, 1.4, 0.9]),),
]
WRT = (0,)
FUNCTION = smooth_step
