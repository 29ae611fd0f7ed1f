"""Indices with Ellipsis and None on an array of three axes, and on one of two."""

import numpy as np


def contract(x, w):
    first = x[..., 0]
    last = x[..., -1:, :]
    outer = first[..., None] * w[None, :]
    return np.sum(outer**2) + np.sum(last * w[: x.shape[-1]]) + np.sum(x[0, ...] ** 3)


EXAMPLES = [
    (np.random.default_rng(0).normal(size=(2, 3, 4)), np.array([0.5, -1.3, 0.7, 0.2])),
    (np.random.default_rng(1).normal(size=(3, 2)), np.array([0.5, -1.3])),
]
WRT = (0, 1)
FUNCTION = contract
