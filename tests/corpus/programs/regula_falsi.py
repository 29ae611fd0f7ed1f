"""A bracketing root finder: a branch decides which of two ends is overwritten."""

import math


def residual(x, a):
    return math.exp(x) - a * x - 2.0


def root(a, low, high, steps):
    f_low = residual(low, a)
    f_high = residual(high, a)
    middle = low
    for _ in range(steps):
        middle = (low * f_high - high * f_low) / (f_high - f_low)
        f_middle = residual(middle, a)
        if f_middle * f_low > 0.0:
            low, f_low = middle, f_middle
        else:
            high, f_high = middle, f_middle
    return middle


EXAMPLES = [(1.0, 0.0, 2.0, 3), (0.5, 0.1, 3.0, 4), (0.5, 0.1, 3.0, 0)]
WRT = (0, 1, 2)
FUNCTION = root
UNCONVERGED = True
