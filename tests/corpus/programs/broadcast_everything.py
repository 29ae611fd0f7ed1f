"""Operands of four different shapes meet in one expression, with a float among them."""

import numpy as np


def energy(a, b, c, s):
    z = np.sqrt(a**2 + 1.0) * b - c / (s + b**2)
    z = z * np.exp(-0.1 * a) + np.sin(s * c)
    return np.sum(z**2) / z.size + np.mean(s)


EXAMPLES = [
    (
        np.random.default_rng(0).normal(size=(2, 1)),
        np.random.default_rng(1).normal(size=3),
        np.random.default_rng(2).normal(size=(2, 3)),
        1.4,
    ),
    (
        np.random.default_rng(3).normal(size=(1, 2)),
        np.random.default_rng(4).normal(size=(4, 1)),
        0.7,
        np.array([2.0, 1.1]),
    ),
    (0.4, -0.8, np.array([0.5]), 0.9),
]
WRT = (0, 1, 2, 3)
FUNCTION = energy
