"""A root finder gets the function and its derivative as arguments; both capture parameters."""

import numpy as np


def newton(f, slope, x, steps):
    for _ in range(steps):
        x = x - f(x) / slope(x)
    return x


def distance_between_roots(a, b, x0, x1, steps):
    def cubic(x):
        return x**3 - a * x - b

    left = newton(cubic, lambda x: 3.0 * x**2 - a, x0, steps)
    right = newton(lambda x: np.exp(x) - a, np.exp, x1, steps)
    return (left - right) ** 2


EXAMPLES = [(2.0, 0.5, 2.5, 1.4, 2), (3.0, 1.5, -2.4, 0.3, 3), (3.0, 1.5, -2.4, 0.3, 0)]
WRT = (0, 1, 2, 3)
FUNCTION = distance_between_roots
UNCONVERGED = True
