"""An in-place stencil with overlapping slices: the right-hand side is read before the write."""

import numpy as np


def heat_2d(u0, k, steps):
    u = u0.copy()
    for _ in range(steps):
        u[1:-1, 1:-1] += (
            k
            * u[1:-1, 1:-1]
            * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4.0 * u[1:-1, 1:-1])
        )
        u[0] = u[1]
        u[:, -1] = 0.5 * u[:, 0]
    return np.sum(u**2)


EXAMPLES = [
    (np.random.default_rng(0).normal(size=(4, 4)), 0.1, 2),
    (np.random.default_rng(1).normal(size=(3, 5)), 0.2, 1),
]
WRT = (0, 1)
FUNCTION = heat_2d
UNCONVERGED = True
