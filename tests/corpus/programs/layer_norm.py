"""Normalisation along the last axis with `keepdims`: mean and variance both need the input."""

import numpy as np


def normalised_loss(x, gain, bias, target):
    mean = x.mean(axis=-1, keepdims=True)
    var = np.mean((x - mean) ** 2, axis=-1, keepdims=True)
    y = gain * (x - mean) / np.sqrt(var + 1e-5) + bias
    return np.sum((y - target) ** 2)


EXAMPLES = [
    (
        np.random.default_rng(0).normal(size=(2, 3)),
        np.array([1.0, 0.5, 2.0]),
        np.array([0.1, -0.3, 0.0]),
        np.random.default_rng(1).normal(size=(2, 3)),
    ),
    (
        np.random.default_rng(2).normal(size=(2, 3, 4)),
        np.array([0.8]),
        np.random.default_rng(3).normal(size=(3, 1)),
        0.3,
    ),
    (np.random.default_rng(4).normal(size=4), 1.2, -0.5, np.array([0.3, 0.1, 0.0, 0.9])),
]
WRT = (0, 1, 2)
FUNCTION = normalised_loss
