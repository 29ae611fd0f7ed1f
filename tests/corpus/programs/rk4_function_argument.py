"""Runge-Kutta steps by a helper that takes the right-hand side as a function."""

import numpy as np


def oscillator(state, damping):
    return np.array([state[1], -np.sin(state[0]) - damping * state[1]])


def rk4_step(f, y, h, theta):
    k1 = f(y, theta)
    k2 = f(y + 0.5 * h * k1, theta)
    k3 = f(y + 0.5 * h * k2, theta)
    k4 = f(y + h * k3, theta)
    return y + h * (k1 + 2.0 * k2 + 2.0 * k3 + k4) / 6.0


def final_energy(y0, damping, h, steps):
    y = y0
    for _ in range(steps):
        y = rk4_step(oscillator, y, h, damping)
    return 0.5 * y[1] ** 2 - np.cos(y[0])


EXAMPLES = [
    (np.array([1.0, 0.2]), 0.3, 0.2, 4),
    (np.array([-0.5, 1.2]), 0.1, 0.4, 2),
    (np.array([-0.5, 1.2]), 0.1, 0.4, 0),
]
WRT = (0, 1, 2)
FUNCTION = final_energy
