"""Jacobi sweeps for a pressure inside time steps of a flow, where nothing converges.

After autograd's fluid-simulation example, with loops and buffers instead of rolled arrays.
"""

import numpy as np


def project(vx, vy, p, sweeps):
    n = len(p)
    div = -0.5 * (vx[2:, 1:-1] - vx[:-2, 1:-1] + vy[1:-1, 2:] - vy[1:-1, :-2])
    for _ in range(sweeps):
        p[1:-1, 1:-1] = (div + p[2:, 1:-1] + p[:-2, 1:-1] + p[1:-1, 2:] + p[1:-1, :-2]) / 4.0
    for i in range(1, n - 1):
        for j in range(1, n - 1):
            vx[i, j] -= 0.5 * (p[i + 1, j] - p[i - 1, j])
            vy[i, j] -= 0.5 * (p[i, j + 1] - p[i, j - 1])


def simulate(vx0, vy0, steps, sweeps):
    vx = vx0.copy()
    vy = vy0.copy()
    p = np.zeros_like(vx)
    for _ in range(steps):
        vx[1:-1, 1:-1] *= 1.0 - 0.1 * vx[1:-1, 1:-1] * vy[1:-1, 1:-1]
        project(vx, vy, p, sweeps)
    return np.sum(vx**2 + vy**2 * vx)


EXAMPLES = [
    (
        np.random.default_rng(0).normal(size=(4, 4)),
        np.random.default_rng(1).normal(size=(4, 4)),
        2,
        2,
    ),
    (
        np.random.default_rng(2).normal(size=(3, 3)),
        np.random.default_rng(3).normal(size=(3, 3)),
        1,
        3,
    ),
]
WRT = (0, 1)
FUNCTION = simulate
UNCONVERGED = True
