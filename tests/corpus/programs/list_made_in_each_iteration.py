"""Every iteration fills a list anew; its elements are weighted as a vector, and read by position from either end."""

import numpy as np


def sum_of_lists(x, w):
    total = 0.0
    for t in range(3):
        scaled = [x[k] ** 2 * (t + 1) for k in range(len(x))]
        total += np.array(scaled) @ w
        total += np.array([2.0 * v for v in x]) @ w
    last = []
    for v in x:
        last.append(2.0 * v)
    return total + last[0] + 10.0 * last[1] + 100.0 * last[-1]


EXAMPLES = [
    (np.array([1.1, 0.7, 1.6]), np.array([1.0, 10.0, 100.0])),
    (np.array([0.4, -0.8]), np.array([3.0, -20.0])),
]
WRT = (0, 1)
FUNCTION = sum_of_lists
