"""A list made of an array's elements grows, is reversed, written and emptied; the array stays as it was."""

import numpy as np


def drained(x, rate):
    items = list(x)
    items.append(rate * x[0])
    items.reverse()
    items[1] = items[0] * items[1]
    kept = list(items)
    kept.append(np.sin(x[1]))
    total = 0.0
    while len(items) > 0:
        total = 0.5 * total + items.pop() ** 2
    for k in range(len(kept)):
        total += kept[k] * 10.0**k
    return total + 7.0 * x[0]


EXAMPLES = [
    (np.array([1.1, 0.7, 1.6]), 0.3),
    (np.array([0.4, -0.8]), 1.2),
]
WRT = (0, 1)
FUNCTION = drained
