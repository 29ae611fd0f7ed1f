"""Newton's method for two equations, with a linear solve in each iteration and a loose tolerance."""

import numpy as np


def solve(x, a, tol):
    step = np.ones(2)
    while np.max(np.abs(step)) > tol:
        F = np.array([x[0] ** 2 + a[0] * x[1] - 1.0, np.sin(x[0]) + x[1] ** 3 - a[1]])
        J = np.array([[2.0 * x[0], a[0]], [np.cos(x[0]), 3.0 * x[1] ** 2]])
        step = np.linalg.solve(J, F)
        x = x - step
    return x @ x


EXAMPLES = [
    (np.array([1.5, 1.0]), np.array([0.4, 0.9]), 0.2),
    (np.array([2.0, -1.5]), np.array([1.2, 0.3]), 0.6),
]
WRT = (0, 1)
FUNCTION = solve
UNCONVERGED = True
