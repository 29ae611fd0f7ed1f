"""One scalar name holds five different values in straight-line code, several used nonlinearly."""

import math


def f(a, b):
    s = a * b
    s = math.sin(s) + a
    t = s
    s = s * s + b * s
    a = s / (1.0 + b * b)
    s = a * t - s
    return s * math.exp(-a)


EXAMPLES = [(0.7, 1.3), (-1.2, 0.4)]
WRT = (0, 1)
FUNCTION = f
