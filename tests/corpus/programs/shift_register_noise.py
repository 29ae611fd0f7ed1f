"""Common random numbers by 32-bit shift registers: the noise of a simulated path is fixed by its seeds."""

import numpy as np


def end_of_path(drift, volatility, seeds):
    x = 0.0
    for s in seeds:
        s = s ^ (s << 13)
        s = s ^ (s >> 17)
        s = s ^ (s << 5)
        u = float(s) / 4294967296.0 - 0.5
        x = x + drift + volatility * np.exp(-x) * u
    return x**2


EXAMPLES = [
    (0.1, 0.5, np.array([2463534242, 88172645, 521288629], dtype=np.uint32)),
    (-0.2, 1.1, np.array([362436069], dtype=np.uint32)),
]
WRT = (0, 1)
FUNCTION = end_of_path
