"""A dataclass is made anew in each iteration by a helper and read field by field."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Particle:
    position: np.ndarray
    velocity: np.ndarray
    charge: float


def push(p, field, dt):
    u, v, w = p.velocity
    turned = np.array([v * field[2] - w * field[1], -u * field[2], u * field[1]])
    velocity = p.velocity + dt * p.charge * turned
    return Particle(p.position + dt * velocity, velocity, 0.99 * p.charge)


def distance(p, field, dt, steps):
    for _ in range(steps):
        p = push(p, field, dt)
    return np.sqrt(np.sum(p.position**2)) + p.charge * p.velocity[0]


EXAMPLES = [
    (
        Particle(np.array([0.5, 0.1, -0.3]), np.array([1.0, 0.2, 0.4]), 0.9),
        np.array([0.3, 0.8, -0.5]),
        0.2,
        3,
    ),
    (
        Particle(np.array([0.2, -0.4, 0.6]), np.array([0.3, -0.7, 0.1]), -1.2),
        np.array([0.6, 0.3, 0.9]),
        0.1,
        1,
    ),
]
WRT = (0, 1, 2)
FUNCTION = distance
