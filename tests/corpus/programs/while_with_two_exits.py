"""A `while` with a condition, a `continue` and a `break`: three ways from one iteration to the next."""

import math


def walk(x, a):
    n = 0
    total = 0.0
    while n < 12:
        n += 1
        x = a * math.cos(x) + 0.4
        if x < 0.0:
            x = 0.5 - x
            continue
        total += x * x
        if total > 3.0:
            break
        x += 0.1 * total
    return total + x / n


EXAMPLES = [(0.3, 1.7), (1.0, 0.6), (2.4, 2.1)]
WRT = (0, 1)
FUNCTION = walk
UNCONVERGED = True
