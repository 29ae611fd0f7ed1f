"""In each iteration of a `while` one of two branches overwrites the value that chose it."""

import math


def orbit(x, a):
    iterations = 0
    product = 1.0
    while x > 1.0 and iterations < 20:
        if x > 3.0:
            x = x / 2.0 + a
        else:
            x = a * x * x - 1.3
        product *= math.sqrt(x * x + 1.0)
        iterations += 1
    return product + x


EXAMPLES = [(12.0, 0.35), (2.2, 0.45), (0.5, 0.6), (20.0, 0.35)]
WRT = (0, 1)
FUNCTION = orbit
UNCONVERGED = True
