"""Conditional expressions inside a loop, one of them within a larger expression."""

import math


def hinge_path(xs, k):
    state = 0.0
    total = 0.0
    for x in xs:
        drive = x if x > 0.0 else math.exp(x) - 1.0
        state = 0.5 * state + (k * drive if state < 0.8 else drive / k)
        total += state * state
    return total


EXAMPLES = [
    ([0.5, -1.0, 2.0, 0.9, -0.2], 1.7),
    ([-0.3, 1.9], 0.7),
]
WRT = (0, 1)
FUNCTION = hinge_path
