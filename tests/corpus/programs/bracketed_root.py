"""A root by bisection and Newton steps, which raises with the bracket where there is no change of sign."""

import math


def depth_of_flow(discharge, slope, low, high):
    def excess(y):
        return y * math.cbrt(y * y / (1.0 + 2.0 * y)) * math.sqrt(slope) - discharge

    if excess(low) * excess(high) > 0.0:
        raise ValueError("no root between " + str(low) + " and " + str(high))
    y = 0.5 * (low + high)
    for _ in range(30):
        step = excess(y) / ((excess(y + 1e-3) - excess(y - 1e-3)) / 2e-3)
        y = y - step
    return y


EXAMPLES = [(0.4, 0.1, 0.1, 4.0), (0.8, 0.3, 0.05, 3.0)]
WRT = (0, 1)
FUNCTION = depth_of_flow
