"""Integration goes on until the integrand is small beside the sum: an open-ended sum of calls.

After JAX #18311 and #4473: a `while_loop` has no reverse mode there.
"""

import math


def integrate(f, a, step):
    x = a
    total = f(x)
    value = math.inf
    while abs(value) > 0.05 * abs(total):
        x += step
        value = f(x)
        total += value
    return total * step


def decay_integral(rate, a, step):
    return integrate(lambda x: math.exp(-rate * x) * x, a, step)


EXAMPLES = [(1.2, 0.3, 0.4), (0.8, 0.1, 1.0)]
WRT = (0, 1, 2)
FUNCTION = decay_integral
UNCONVERGED = True
