"""An iteration that ends early, two branches deep, keeps the values that the rest of it would overwrite."""

import numpy as np


def skipped(x, start, limit):
    state = start
    total = 0.0
    for v in x:
        total += state * v
        if v < limit:
            if v < 0.5 * limit:
                continue
            state *= np.sin(v)
            total += state
        state = v * v
    return total + state


EXAMPLES = [
    (np.array([0.3, 0.1, 0.5, 0.9]), 0.7, 0.4),
    (np.array([0.6, 0.15, 0.35, 0.1, 0.12]), -0.3, 0.4),
    (np.array([0.1, 0.11]), 1.4, 0.4),
]
WRT = (0, 1)
FUNCTION = skipped
