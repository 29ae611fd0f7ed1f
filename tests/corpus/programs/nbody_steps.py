"""Forces are scattered to both partners of a pair; positions and velocities move in place."""

import numpy as np


def forces(x, m):
    F = np.zeros_like(x)
    for i in range(len(x)):
        for j in range(i):
            d = x[i] - x[j]
            f = m[i] * m[j] * d / (d @ d + 0.5) ** 1.5
            F[i] -= f
            F[j] += f
    return F


def final_spread(x, v, m, h, steps):
    x = x.copy()
    v = v.copy()
    for _ in range(steps):
        v += h * forces(x, m) / m[:, None]
        x += h * v
    return np.sum((x - x.mean(axis=0)) ** 2)


def _example(n, dim, seed, steps):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, dim)), rng.normal(size=(n, dim)), 0.5 + rng.random(n), 0.1, steps


EXAMPLES = [_example(3, 2, 0, 3), _example(2, 3, 1, 2)]
WRT = (0, 1, 2, 3)
FUNCTION = final_spread
