"""Powers with constant, integer, negative and differentiated exponents, and a quotient of them."""

import numpy as np


def mixed_powers(x, p, n):
    s = np.sum(x**2) + np.sum(x**n) + np.sum(x**-0.5)
    t = np.sum(x**p) + 2.0**p + p**n
    return s / t + np.sqrt(s * t) - (s + t) ** (1.0 / 3.0)


EXAMPLES = [
    (np.array([0.5, 1.2, 0.8]), 1.7, 3),
    (np.array([2.5]), 0.6, -1),
    (np.array([[0.4, 1.1], [0.9, 1.6]]), 2.5, 2),
]
WRT = (0,)
FUNCTION = mixed_powers
