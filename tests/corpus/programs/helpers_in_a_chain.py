"""A helper calls a helper calls a helper, each with other arguments, inside a loop."""

import math


def gate(x, slope):
    return 1.0 / (1.0 + math.exp(-slope * x))


def unit(x, w):
    return w[0] * gate(x, w[1]) + x * gate(-x, w[2])


def block(x, w, depth):
    for _ in range(depth):
        x = x + unit(x, w)
    return x


def model(xs, w):
    total = 0.0
    for depth, x in enumerate(xs):
        total += block(x, w, depth) ** 2
    return total


EXAMPLES = [
    ([0.5, -1.0, 0.8], (0.7, 1.2, -0.4)),
    ([1.5, 0.4], (-0.3, 0.6, 1.4)),
]
WRT = (0, 1)
FUNCTION = model
