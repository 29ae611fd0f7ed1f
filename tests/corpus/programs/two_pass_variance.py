"""Two loops over the same data, where the second needs the result of the first."""

import math


def standard_score(x, y):
    mean = 0.0
    for v in x:
        mean += v
    mean /= len(x)
    var = 0.0
    for v in x:
        var += (v - mean) ** 2
    var /= len(x) - 1
    return (y - mean) / math.sqrt(var)


EXAMPLES = [([0.5, 1.2, -0.7, 0.9], 1.0), ([2.0, 0.4], -0.3)]
WRT = (0, 1)
FUNCTION = standard_score
