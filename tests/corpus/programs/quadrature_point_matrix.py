"""Components of a small local matrix are read and added to, then the matrix advances a state.

After NVIDIA Warp #1697: `v[i] = v[i] + x` on a local matrix, repeated over time steps, gave
gradients that grew without any warning.
"""

import numpy as np


def advance(u, modulus, points, dt, steps):
    for _ in range(steps):
        K = np.zeros((2, 2))
        for g in range(len(points)):
            s = points[g]
            density = modulus * (1.0 + u[0] * s) ** 2
            K[0, 0] = K[0, 0] + density
            K[0, 1] = K[0, 1] - density * s
            K[1, 0] = K[0, 1]
            K[1, 1] = K[1, 1] + density * s * s
        u = u - dt * K @ u
    return u @ u


EXAMPLES = [
    (np.array([0.5, -1.0]), 0.8, np.array([-0.6, 0.0, 0.6]), 0.1, 3),
    (np.array([1.5, 0.4]), 1.3, np.array([0.3]), 0.2, 1),
]
WRT = (0, 1, 2, 3)
FUNCTION = advance
