"""A dynamic-programming table: each cell is a soft minimum of three cells written before."""

import numpy as np


def soft_min(a, b, c, gamma):
    return -gamma * np.log(np.exp(-a / gamma) + np.exp(-b / gamma) + np.exp(-c / gamma))


def distance(x, y, gap, gamma):
    n, m = len(x), len(y)
    D = np.zeros((n + 1, m + 1))
    for i in range(1, n + 1):
        D[i, 0] = i * gap
    for j in range(1, m + 1):
        D[0, j] = j * gap
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            cost = (x[i - 1] - y[j - 1]) ** 2
            D[i, j] = soft_min(D[i - 1, j] + gap, D[i, j - 1] + gap, D[i - 1, j - 1] + cost, gamma)
    return D[n, m]


EXAMPLES = [
    (np.array([0.1, 0.9, 0.4]), np.array([0.2, 1.1]), 0.6, 0.5),
    (np.array([0.7]), np.array([0.3, -0.4, 0.8, 0.1]), 0.4, 1.0),
]
WRT = (0, 1, 2, 3)
FUNCTION = distance
