"""An adaptive ODE solver: rejected steps `continue`, and the step size is itself differentiated."""

import math


def integrate(y, rate, h, tol):
    t = 0.0
    while t < 1.0:
        k1 = -rate * y + math.sin(t)
        k2 = -rate * (y + h * k1) + math.sin(t + h)
        error = 0.5 * h * abs(k2 - k1)
        if error > tol:
            h = 0.6 * h
            continue
        y = y + 0.5 * h * (k1 + k2)
        t = t + h
        h = h * (tol / error) ** 0.25
    return y


EXAMPLES = [(1.5, 2.0, 0.5, 0.02), (0.4, 1.1, 0.2, 0.01)]
WRT = (0, 1, 2)
FUNCTION = integrate
UNCONVERGED = True
