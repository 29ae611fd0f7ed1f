"""A nested function reads a name that is assigned again after its definition."""

import math


def late(a, b):
    scale = a

    def f(x):
        return math.sin(scale * x) + b

    first = f(a)
    scale = scale * scale + 1.0
    second = f(b)
    for i in range(3):
        scale = 0.5 * f(scale) + i
    return first * second + f(0.7)


EXAMPLES = [(0.8, 0.3), (-1.2, 0.9)]
WRT = (0, 1)
FUNCTION = late
