"""A Taylor series whose term is a matrix product of the term before and depends on the counter."""

import numpy as np


def propagate(A, x, t, order):
    term = np.eye(len(x))
    total = np.eye(len(x))
    for k in range(1, order + 1):
        term = term @ A * (t / k)
        total = total + term
    return np.sum((total @ x) ** 2)


EXAMPLES = [
    (np.random.default_rng(0).normal(size=(2, 2)), np.array([0.5, -1.0]), 0.7, 4),
    (np.random.default_rng(1).normal(size=(3, 3)), np.array([0.5, -1.0, 0.2]), 0.3, 2),
]
WRT = (0, 1, 2)
FUNCTION = propagate
UNCONVERGED = True
