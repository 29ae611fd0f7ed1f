"""Four ways out of a function, one of them inside nested branches."""

import math


def energy(r, eps, cut):
    if r > cut:
        return 0.1 * eps * (r - cut) ** 2
    if r < 0.5:
        if eps > 1.0:
            return eps * eps * (1.0 - r)
        r = r + 0.5
    s = (1.0 / r) ** 6
    if s > 2.0:
        return eps * math.log(s)
    return 4.0 * eps * (s * s - s)


EXAMPLES = [(1.1, 0.8, 2.5), (3.0, 0.8, 2.5), (0.3, 1.5, 2.5), (0.3, 0.5, 2.5), (0.7, 0.5, 2.5)]
WRT = (0, 1)
FUNCTION = energy
