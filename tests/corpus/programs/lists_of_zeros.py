"""Lists are filled with whole numbers, then floats are written into them, at places that are computed."""

import math


def warped(a, b, prices):
    n, m = len(a), len(b)
    cost = [[float("inf")] * (m + 1) for _ in range(n + 1)]
    cost[0][0] = 0
    steps = [[0 for _ in range(m)] for _ in range(n)]
    for i in range(n):
        for j in range(m):
            steps[i][j] = (a[i] - b[j]) ** 2
            best = min(cost[i][j], cost[i][j + 1], cost[i + 1][j])
            cost[i + 1][j + 1] = steps[i][j] + best
    spent = [0, 0, 0]
    for k in range(n):
        spent[k % 3] += prices[k % 2] * a[k]
    gains = m * [1]
    gains[m - 1] *= prices[0] * b[0]
    pairs = [(0, k) for k in range(m)]
    pairs[m // 2] = (math.sin(b[1]), 2)
    for k in range(m):
        first, second = pairs[k]
        pairs[k] = (first + b[k], second * b[0])
    return cost[n][m] + spent[0] * spent[1] + sum(gains) + sum(p * q for p, q in pairs)


EXAMPLES = [
    ([0.3, -0.8, 0.5, 1.2], [0.4, 1.1, -0.6], [0.7, -0.2]),
    ([0.6, -0.4], [0.5, -0.3, 0.8, 0.2], [1.3, 0.4]),
]
WRT = (0, 1, 2)
FUNCTION = warped
