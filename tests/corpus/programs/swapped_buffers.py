"""Two buffers change places after each step, and the update is nonlinear in the old one."""

import numpy as np


def diffuse(u0, k, steps):
    u = u0.copy()
    v = u0.copy()
    for _ in range(steps):
        for i in range(1, len(u) - 1):
            v[i] = u[i] + k * u[i] * (u[i - 1] - 2.0 * u[i] + u[i + 1])
        u, v = v, u
    return np.sum(u * np.arange(1.0, len(u) + 1.0))


EXAMPLES = [
    (np.array([0.1, 0.9, 0.4, -0.3, 0.6]), 0.2, 3),
    (np.array([0.5, -0.2, 0.8, 0.3]), 0.3, 4),
    (np.array([0.5, -0.2, 0.8]), 0.3, 1),
]
WRT = (0, 1)
FUNCTION = diffuse
UNCONVERGED = True
