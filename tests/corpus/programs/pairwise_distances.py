"""Distances by broadcasting of an array against itself, masked to the upper triangle."""

import numpy as np


def repulsion(x, power):
    above = np.arange(len(x))[:, None] < np.arange(len(x))
    d2 = np.sum((x[:, None] - x[None]) ** 2, axis=2) + np.eye(len(x))
    return np.sum(np.where(above, d2 ** (-power), 0.0)) + 0.1 * np.sum(x**2)


EXAMPLES = [
    (np.random.default_rng(0).normal(size=(4, 2)), 0.5),
    (np.random.default_rng(1).normal(size=(2, 3)), 1.5),
]
WRT = (0, 1)
FUNCTION = repulsion
