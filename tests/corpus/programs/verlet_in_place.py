"""Positions, velocities and accelerations of a chain of springs, all overwritten element-wise."""

import numpy as np


def accelerate(x, a, k):
    n = len(x)
    for i in range(n):
        a[i] = -x[i]
        if i > 0:
            a[i] += k * (x[i - 1] - x[i]) ** 3
        if i < n - 1:
            a[i] += k * (x[i + 1] - x[i]) ** 3


def final_tension(x0, v0, k, dt, steps):
    x = x0.copy()
    v = v0.copy()
    a = np.zeros_like(x)
    accelerate(x, a, k)
    for _ in range(steps):
        v += 0.5 * dt * a
        x += dt * v
        accelerate(x, a, k)
        v += 0.5 * dt * a
    return np.sum((x[1:] - x[:-1]) ** 2) + v @ v


EXAMPLES = [
    (np.array([0.5, -0.2, 0.9]), np.array([0.1, 0.0, -0.4]), 0.8, 0.2, 3),
    (np.array([0.5, 1.3]), np.array([0.1, 0.7]), 0.5, 0.3, 1),
]
WRT = (0, 1, 2, 3)
FUNCTION = final_tension
