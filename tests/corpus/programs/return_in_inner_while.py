"""Returns from a `while` within a `for`, past a `continue`, whose values nothing else binds."""

import numpy as np


def settle(x, limit):
    total = 0.0
    for i, e in enumerate(x):
        if i > 2:
            continue
        tries = 0
        while tries < 2 and e > 0.0:
            tries += 1
            if total > limit:
                return np.sin(total * e)
            total += e * np.exp(-total)
        total += e * e
    return total * total


EXAMPLES = [
    (np.array([0.4, -0.3, 0.8, 0.5]), 0.6),
    (np.array([0.4, 0.3, 0.8, 0.5]), 5.0),
    (np.array([-0.4, -0.3]), 0.1),
    (np.zeros(0), 0.1),
]
WRT = (0,)
FUNCTION = settle
