"""A nested function captures parameters of the outer one and is called in its loop."""

import numpy as np


def simulate(k, y0, inflow, dt, steps):
    def rhs(y, t):
        uptake = k[0] * y[0] / (k[1] + y[0])
        return np.array([inflow * np.cos(t) - uptake, uptake - k[2] * y[1]])

    y = y0
    t = 0.0
    for _ in range(steps):
        middle = y + 0.5 * dt * rhs(y, t)
        y = y + dt * rhs(middle, t + 0.5 * dt)
        t += dt
    return y[0] * y[1]


EXAMPLES = [
    (np.array([0.8, 0.5, 0.3]), np.array([1.0, 0.2]), 0.4, 0.2, 3),
    (np.array([1.2, 0.9, 0.1]), np.array([0.5, 0.7]), 0.1, 0.1, 1),
]
WRT = (0, 1, 2, 3)
FUNCTION = simulate
