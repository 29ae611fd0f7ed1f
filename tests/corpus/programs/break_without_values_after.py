"""A `for` left by `break`, after which only an accumulator matters."""

import math


def partial_sum(terms, x):
    total = 0.0
    power = 1.0
    for a in terms:
        if abs(power) > 4.0:
            break
        total += a * math.sin(power)
        power *= x
    return total


EXAMPLES = [
    ([0.5, -1.0, 0.3, 0.7], 1.9),
    ([0.5, -1.0, 0.3], 0.6),
    ([1.1], 0.6),
]
WRT = (0, 1)
FUNCTION = partial_sum
