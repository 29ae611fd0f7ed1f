"""A `while` in a `while`: how often the inner one iterates depends on what the outer one computed."""

import math


def nested(x, a):
    outer = 0.0
    while x < 6.0:
        y = x
        while y > a:
            y = y * 0.6 + 0.1 * math.sin(x)
        outer += y * y
        x = x + 1.0 + 0.3 * y
    return outer * x


EXAMPLES = [(2.1, 0.5), (4.7, 1.1), (7.0, 0.5)]
WRT = (0,)
FUNCTION = nested
UNCONVERGED = True
