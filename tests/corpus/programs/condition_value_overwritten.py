"""The branch overwrites the value that decided it, and again decides by the new value."""

import math


def fold(x, y):
    if x > 1.0:
        x = math.sin(x) * y
    else:
        x = x * x - y
        y = y * 2.0
    if x > 0.0:
        y = y + x
        x = -x
    return x * y + math.exp(x)


EXAMPLES = [(2.0, 0.7), (0.4, -1.3), (0.4, 0.9), (1.2, -0.5)]
WRT = (0, 1)
FUNCTION = fold
