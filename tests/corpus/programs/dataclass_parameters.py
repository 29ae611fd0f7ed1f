"""A frozen dataclass of parameters, one of them an integer, with a helper that takes it whole."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Kernel:
    amplitude: float
    scales: np.ndarray
    order: int


def evaluate(kernel, x, z):
    r2 = np.sum(((x - z) / kernel.scales) ** 2)
    return kernel.amplitude**2 * (1.0 + 0.5 * r2 / kernel.order) ** (-kernel.order)


def gram_sum(kernel, X):
    total = 0.0
    for i in range(len(X)):
        for j in range(i + 1):
            total += evaluate(kernel, X[i], X[j]) * (i + 1)
    return total


EXAMPLES = [
    (Kernel(0.8, np.array([0.5, 1.3]), 2), np.random.default_rng(0).normal(size=(3, 2))),
    (Kernel(1.4, np.array([0.9]), 3), np.random.default_rng(1).normal(size=(2, 1))),
]
WRT = (0, 1)
FUNCTION = gram_sum
