"""Every element is replaced by its square, twice: both old values are needed and both are gone.

After the section on overwritten arrays in NVIDIA Warp's guide.
"""

import numpy as np


def fourth_powers(x, w, rounds):
    for _ in range(rounds):
        for i in range(len(x)):
            x[i] = x[i] * x[i]
    return np.dot(w, x)


EXAMPLES = [
    (np.array([0.5, 0.7, -0.9]), np.array([1.0, -2.0, 0.5]), 2),
    (np.array([1.2, -0.4]), np.array([1.0, 0.3]), 3),
    (np.array([1.2]), np.array([0.7]), 0),
]
WRT = (0, 1)
FUNCTION = fourth_powers
