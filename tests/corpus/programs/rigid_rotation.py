"""Points are rotated about an axis by Rodrigues' formula; torques of forces at them."""

import numpy as np


def torque_and_work(rotation, points, forces):
    angle = np.sqrt(np.sum(rotation**2))
    axis = rotation / angle
    along = np.sum(axis * points, axis=1)[:, None] * (1.0 - np.cos(angle))
    turned = points * np.cos(angle) + np.cross(axis, points) * np.sin(angle) + axis * along
    torques = np.cross(turned, forces)
    spin = np.zeros(3)
    for t in range(len(points)):
        spin += np.cross(torques[t], axis)
    return np.sum(torques**2) + np.sum(turned * forces) + spin[0] * spin[2]


EXAMPLES = [
    (
        np.array([0.4, -0.3, 0.6]),
        np.random.default_rng(0).normal(size=(4, 3)),
        np.random.default_rng(1).normal(size=(4, 3)),
    ),
    (np.array([-0.2, 0.5, 0.1]), np.random.default_rng(2).normal(size=(1, 3)), np.ones((1, 3))),
]
WRT = (0, 1, 2)
FUNCTION = torque_and_work
