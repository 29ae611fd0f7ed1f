"""Quadrature of a function given as an argument, which is a lambda over parameters."""

import numpy as np


def simpson(f, a, b, n):
    h = (b - a) / n
    total = f(a) + f(b)
    for i in range(1, n):
        total += (4.0 if i % 2 == 1 else 2.0) * f(a + i * h)
    return total * h / 3.0


def tail_mass(mu, sigma, low, high):
    density = lambda x: np.exp(-0.5 * ((x - mu) / sigma) ** 2) / sigma
    moment = simpson(lambda x: x * density(x), low, high, 4)
    return moment / simpson(density, low, high, 6)


EXAMPLES = [(0.3, 0.8, -0.5, 2.0), (-0.2, 1.5, 0.4, 0.9)]
WRT = (0, 1, 2, 3)
FUNCTION = tail_mass
