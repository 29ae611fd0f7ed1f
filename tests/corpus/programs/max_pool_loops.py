"""A running maximum in a window, by comparison, decides which element is read by the result."""

import numpy as np


def pooled(image, size):
    h, w = image.shape
    total = 0.0
    for i in range(0, h - size + 1, size):
        for j in range(0, w - size + 1, size):
            best = image[i, j]
            for a in range(size):
                for b in range(size):
                    if image[i + a, j + b] > best:
                        best = image[i + a, j + b]
            total += best**2 + np.max(image[i : i + size, j : j + size])
    return total


EXAMPLES = [
    (np.random.default_rng(0).normal(size=(4, 4)), 2),
    (np.random.default_rng(1).normal(size=(3, 7)), 3),
    (np.random.default_rng(1).normal(size=(2, 3)), 1),
]
WRT = (0,)
FUNCTION = pooled
