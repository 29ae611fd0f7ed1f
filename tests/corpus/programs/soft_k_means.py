"""Soft assignments and new centres alternate: responsibilities, then a ratio of two sums."""

import numpy as np


def distortion(centres, x, beta, iterations):
    for _ in range(iterations):
        d2 = np.sum((x[:, None, :] - centres[None, :, :]) ** 2, axis=2)
        weights = np.exp(-beta * d2)
        weights = weights / weights.sum(axis=1, keepdims=True)
        centres = (weights.T @ x) / weights.sum(axis=0)[:, None]
    d2 = np.sum((x[:, None, :] - centres[None, :, :]) ** 2, axis=2)
    return np.min(d2, axis=1).mean()


EXAMPLES = [
    (
        np.random.default_rng(0).normal(size=(2, 2)),
        np.random.default_rng(1).normal(size=(5, 2)),
        0.8,
        2,
    ),
    (
        np.random.default_rng(2).normal(size=(3, 1)),
        np.random.default_rng(3).normal(size=(4, 1)),
        1.5,
        1,
    ),
]
WRT = (0, 1, 2)
FUNCTION = distortion
UNCONVERGED = True
