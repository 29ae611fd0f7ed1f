"""A block is assigned into a constant matrix, over another block, before both are used.

After autograd #58 and #559: the pattern for boundary blocks and for regions of a design.
"""

import numpy as np


def design(A, b):
    M = np.ones((4, 5))
    M[:2, :2] = A
    M[1:3, 1:4] = 2.0 * b.reshape(2, 3)
    M[-1] = M[1] * M[2]
    M[:, 0] *= M[:, 3]
    return np.sum(np.tanh(M @ M.T))


EXAMPLES = [
    (np.array([[0.5, -0.3], [0.8, 0.1]]), np.array([0.2, -0.6, 0.9, 0.4, -0.1, 0.7])),
    (np.array([[0.5, -0.3]]), np.array([[0.2, -0.6], [0.9, 0.4], [-0.1, 0.7]])),
]
WRT = (0, 1)
FUNCTION = design
