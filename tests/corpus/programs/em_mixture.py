"""EM steps for a mixture of two normals with scalar loops that collect sufficient statistics."""

import math


def fitted_distance(mu0, mu1, data, iterations):
    weight = 0.5
    for _ in range(iterations):
        n1 = s0 = s1 = 0.0
        for x in data:
            odds = (1.0 - weight) / weight * math.exp(0.5 * (x - mu1) ** 2 - 0.5 * (x - mu0) ** 2)
            r = 1.0 / (1.0 + odds)
            n1 += r
            s1 += r * x
            s0 += (1.0 - r) * x
        mu0 = s0 / (len(data) - n1)
        mu1 = s1 / n1
        weight = n1 / len(data)
    return (mu1 - mu0) ** 2 * weight


EXAMPLES = [
    (-0.5, 0.8, [0.1, 1.5, -1.2, 0.9, 2.0], 2),
    (0.2, 0.3, [0.1, 1.5, -0.7], 3),
]
WRT = (0, 1, 2)
FUNCTION = fitted_distance
UNCONVERGED = True
