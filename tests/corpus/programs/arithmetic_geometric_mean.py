"""Two coupled sequences, stopped by a loose tolerance on their distance."""

import math


def agm(a, b, tol):
    while abs(a - b) > tol:
        a, b = 0.5 * (a + b), math.sqrt(a * b)
    return a * a / b


EXAMPLES = [(1.0, 9.0, 1.0), (3.0, 0.4, 0.05), (1.0, 1.2, 0.5)]
WRT = (0, 1)
FUNCTION = agm
UNCONVERGED = True
