"""Helpers write into arrays that they are handed, one of them a row, and return nothing."""

import numpy as np


def smooth(row, k):
    for i in range(1, len(row)):
        row[i] = (1.0 - k) * row[i] + k * row[i - 1] ** 2


def step(u, v, k):
    v[:] = u
    smooth(v[0], k)
    u *= np.cos(v)


def run(u0, k, steps):
    u = u0.copy()
    v = np.empty_like(u)
    for _ in range(steps):
        step(u, v, k)
    return np.sum(u + v * v)


EXAMPLES = [
    (np.array([[0.5, 1.2, -0.3], [0.9, 0.1, 0.4]]), 0.3, 2),
    (np.array([[0.5, 1.2]]), 0.6, 3),
]
WRT = (0, 1)
FUNCTION = run
