"""A `for` left by `break`: the index and the carried value are used after the loop."""

import numpy as np


def stop_at(x, limit):
    s = 1.0
    for i in range(len(x)):
        s = s * x[i] + 0.5
        if s > limit:
            s = s / x[i]
            break
    return s * s + x[i] * i


EXAMPLES = [
    (np.array([0.8, 1.7, 1.2, 3.0]), 2.0),
    (np.array([0.8, 0.7, 0.9]), 50.0),
    (np.array([2.6, 0.7, 0.9, 0.3, 0.1]), 2.0),
]
WRT = (0,)
FUNCTION = stop_at
