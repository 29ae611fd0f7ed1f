"""A matrix is written as nested lists of scalars, inverted, and its parts feed a quadratic's root.

After autograd #515: a camera model with its parameters unpacked from a tuple.
"""

import numpy as np


def undistort(parameters, point):
    skew, fx, fy, x0, y0, xi = parameters
    K = np.array([[fx, skew, x0], [0.0, fy, y0], [0.0, 0.0, 1.0]])
    ray = np.linalg.inv(K) @ np.concatenate((point, np.ones(1)))
    a = 1.0 / ray[0] ** 2 - xi**2 * (1.0 + (ray[1] / ray[0]) ** 2)
    b = -2.0 / ray[0]
    c = 1.0 - xi**2
    u = (-b - np.sqrt(b**2 - 4.0 * a * c)) / (2.0 * a)
    rotation = np.array([[np.cos(u), -np.sin(u)], [np.sin(u), np.cos(u)]])
    return (rotation @ point).sum()


EXAMPLES = [
    ((0.1, 1.2, 0.9, 0.3, -0.2, 0.5), np.array([0.7, 0.4])),
    ((0.0, 0.8, 1.1, -0.5, 0.2, 0.3), np.array([-1.1, 0.9])),
]
WRT = (0, 1)
FUNCTION = undistort
