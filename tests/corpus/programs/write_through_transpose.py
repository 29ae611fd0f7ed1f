"""Writes go through a transpose and through a reshape of one matrix, alternating with reads of it."""

import numpy as np


def mix(A, v):
    B = A.copy()
    columns = B.T
    columns[0] = v
    flat = B.reshape(-1)
    flat[1] = flat[0] * flat[-1]
    columns[-1] += np.sin(columns[0])
    for j in range(len(columns)):
        columns[j] *= B[0, j]
    return np.sum(flat * np.arange(1.0, flat.size + 1.0))


EXAMPLES = [
    (np.random.default_rng(0).normal(size=(2, 3)), np.array([0.5, -1.3])),
    (np.random.default_rng(1).normal(size=(3, 2)), np.array([0.5, -1.3, 0.8])),
]
WRT = (0, 1)
FUNCTION = mix
