"""Integer arrays are computed, sorted by hand and used as indices between differentiated values."""

import numpy as np


def ordered_sum(x, keys):
    order = np.arange(len(keys))
    for i in range(1, len(order)):
        j = i
        while j > 0 and keys[order[j - 1]] > keys[order[j]]:
            order[j - 1], order[j] = order[j], order[j - 1]
            j -= 1
    total = 0.0
    for rank in range(len(order)):
        total = 0.5 * total * x[order[rank]] + x[order[rank]] * (rank + 1)
    return total


EXAMPLES = [
    (np.array([0.5, 1.2, -0.7, 0.9]), np.array([3, 1, 2, 1])),
    (np.array([0.5, 1.2]), np.array([2, 1])),
]
WRT = (0,)
FUNCTION = ordered_sum
