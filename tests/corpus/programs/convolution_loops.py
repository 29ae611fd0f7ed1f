"""A two-dimensional convolution by four nested loops into one output buffer."""

import numpy as np


def filtered_energy(image, kernel):
    h, w = image.shape
    p, q = kernel.shape
    out = np.zeros((h - p + 1, w - q + 1))
    for i in range(h - p + 1):
        for j in range(w - q + 1):
            for a in range(p):
                for b in range(q):
                    out[i, j] += image[i + a, j + b] * kernel[a, b]
    return np.sum(np.tanh(out) ** 2)


EXAMPLES = [
    (np.random.default_rng(0).normal(size=(4, 5)), np.random.default_rng(1).normal(size=(2, 3))),
    (np.random.default_rng(2).normal(size=(3, 3)), np.random.default_rng(3).normal(size=(1, 2))),
]
WRT = (0, 1)
FUNCTION = filtered_energy
