"""A `while True` with work before its exit and other work after it."""

import math


def settle(x, k, tol):
    total = 0.0
    while True:
        force = k * math.sin(x)
        total += force * force
        if abs(force) < tol:
            break
        x = x - 0.5 * force
        total += 0.1 * x * force
    return total + x


EXAMPLES = [(2.0, 0.9, 0.4), (1.2, 1.4, 0.05), (0.3, 0.5, 1.0)]
WRT = (0, 1)
FUNCTION = settle
UNCONVERGED = True
