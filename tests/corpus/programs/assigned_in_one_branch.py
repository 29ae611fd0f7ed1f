"""A value assigned in one branch only is read in a later branch on the same condition."""

import numpy as np


def clip_norm(g, limit):
    norm = np.sqrt(np.sum(g**2))
    too_long = norm > limit
    if too_long:
        factor = limit / norm
        g = g * factor
    result = np.sum(g * np.arange(len(g)))
    if too_long:
        result += factor**2
    return result


EXAMPLES = [
    (np.array([1.0, -2.0, 0.5]), 1.2),
    (np.array([0.1, -0.2, 0.5, 0.3]), 1.2),
]
WRT = (0,)
FUNCTION = clip_norm
