"""Nested loops whose bounds come from index arrays fill poses from the poses of parent bodies.

After NVIDIA Warp #1293: an adjoint counted twice when two loops with run-time bounds are nested.
"""

import numpy as np


def tip_height(angles, lengths, parent, first_joint):
    n = len(parent)
    heading = np.zeros(n + 1)
    height = np.zeros(n + 1)
    for body in range(n):
        angle = heading[parent[body]]
        for joint in range(first_joint[body], first_joint[body + 1]):
            angle = angle + 0.8 * np.sin(angles[joint])
            angle = angle * (1.0 + 0.1 * angles[joint])
        heading[body + 1] = angle
        height[body + 1] = height[parent[body]] + lengths[body] * np.sin(angle)
    return np.sum(height**2)


EXAMPLES = [
    (
        np.array([0.5, -0.3, 0.8, 1.1]),
        np.array([1.0, 0.7, 0.5]),
        np.array([0, 1, 1]),
        np.array([0, 2, 3, 4]),
    ),
    (np.array([0.5]), np.array([0.6, 1.3]), np.array([0, 1]), np.array([0, 0, 1])),
]
WRT = (0, 1)
FUNCTION = tip_height
