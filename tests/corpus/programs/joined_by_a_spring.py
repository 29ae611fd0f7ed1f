"""The energy of two particles and a spring: each position's gradient is the other's."""

import numpy as np


def energy(centre, offset, stiffness):
    reach = centre + offset
    return 0.5 * stiffness * np.sum(reach**2)


EXAMPLES = [
    (np.array([0.3, -0.2, 1.0]), np.array([1.1, 0.4, -0.5]), 2.0),
    (np.array([0.7, 0.1]), np.array([-0.4, 0.9]), 0.5),
]
WRT = (0, 1, 2)
FUNCTION = energy
