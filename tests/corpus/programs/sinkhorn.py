"""Alternating scalings of a kernel matrix, each divided by a product with the other."""

import numpy as np


def transport_cost(cost, a, b, eps, iterations):
    K = np.exp(-cost / eps)
    v = np.ones_like(b)
    u = np.ones_like(a)
    for _ in range(iterations):
        u = a / (K @ v)
        v = b / (K.T @ u)
    plan = u[:, None] * K * v[None, :]
    return np.sum(plan * cost)


EXAMPLES = [
    (
        np.random.default_rng(0).random((2, 3)),
        np.array([0.4, 0.6]),
        np.array([0.2, 0.5, 0.3]),
        0.5,
        2,
    ),
    (
        np.random.default_rng(1).random((3, 1)),
        np.array([0.4, 0.5, 0.1]),
        np.array([1.0]),
        1.0,
        1,
    ),
]
WRT = (0, 1, 2, 3)
FUNCTION = transport_cost
UNCONVERGED = True
