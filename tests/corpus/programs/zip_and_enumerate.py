"""Rows, targets and an index come together from `enumerate` over `zip`."""

import numpy as np


def weighted_error(w, X, y, decay):
    total = 0.0
    weight = 1.0
    for i, (row, target) in enumerate(zip(X, y)):
        r = row @ w - target
        total += weight * r * r / (i + 1.0)
        weight *= decay
    return total


EXAMPLES = [
    (
        np.array([0.5, -0.3]),
        np.random.default_rng(0).normal(size=(4, 2)),
        np.random.default_rng(1).normal(size=4),
        0.8,
    ),
    (
        np.array([0.5, -0.3, 1.1]),
        np.random.default_rng(2).normal(size=(2, 3)),
        np.random.default_rng(3).normal(size=2),
        1.3,
    ),
]
WRT = (0, 1, 2, 3)
FUNCTION = weighted_error
