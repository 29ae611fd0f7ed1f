"""A leapfrog integrator with half steps before and after the loop, for a force given as code."""

import numpy as np


def grad_potential(q, scale):
    return scale * q + np.sin(q)


def hamiltonian_error(q, p, scale, eps, steps):
    before = 0.5 * p @ p + np.sum(0.5 * scale * q**2 - np.cos(q))
    p = p - 0.5 * eps * grad_potential(q, scale)
    for i in range(steps):
        q = q + eps * p
        if i < steps - 1:
            p = p - eps * grad_potential(q, scale)
    p = p - 0.5 * eps * grad_potential(q, scale)
    return 0.5 * p @ p + np.sum(0.5 * scale * q**2 - np.cos(q)) - before


EXAMPLES = [
    (np.array([0.5, -1.0]), np.array([0.3, 0.8]), 0.7, 0.3, 3),
    (np.array([0.5, -1.0, 2.0]), np.array([0.3, 0.8, -0.2]), 1.7, 0.5, 1),
]
WRT = (0, 1, 2, 3)
FUNCTION = hamiltonian_error
