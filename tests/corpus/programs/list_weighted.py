"""Lists that loops fill in either order, by branches, or as comprehensions; each element has a weight of its own."""

import numpy as np


def weighted(x):
    weights = 10.0 ** np.arange(len(x))
    doubled = np.array([2.0 * v * v for v in x])
    backwards = [np.sin(x[k]) for k in reversed(range(len(x)))]
    even = []
    odd = []
    for i in range(len(x)):
        if i % 2:
            odd.append(x[i] ** 3)
        else:
            even.append(x[i] ** 2 * (i + 1))
    rows = []
    for i, v in enumerate(x):
        rows.append(v * x + i)
    total = doubled @ weights + np.array(backwards) @ weights
    total += np.array(even) @ weights[: len(even)] - np.array(odd) @ weights[: len(odd)]
    return total + (np.stack(rows) @ weights) @ np.cos(weights)


EXAMPLES = [
    (np.array([1.1, 0.7, 1.6]),),
    (np.array([0.4, 1.3, -0.8, 0.9]),),
]
WRT = (0,)
FUNCTION = weighted
