"""The compliance of springs between neighbours and a wall: a stiffness matrix, solved by a helper."""

import numpy as np


def displacements(K, load):
    return np.linalg.solve(K, load)


def compliance(stiffness, load):
    B = np.eye(len(load)) - np.eye(len(load), k=-1)
    K = B.T @ (stiffness[:, None] * B)
    u = displacements(K, load)
    return load @ u


EXAMPLES = [
    (np.array([1.0, 2.5, 0.7]), np.array([0.4, -0.2, 1.0])),
    (np.array([1.3, 0.6]), np.array([0.1, 0.8])),
]
WRT = (0, 1)
FUNCTION = compliance
