"""A table as a list of lists: filled, grown row by row, written by two subscripts, sorted into buckets."""

import numpy as np


def table(x):
    n = len(x)
    grid = [[0.0 for j in range(n)] for i in range(n)]
    for i in range(n):
        for j in range(i + 1):
            grid[i][j] = x[i] * x[j] * (i + 1) + (grid[i - 1][j] if i else 0.5)
    rows = []
    for v in x:
        rows.append([v, v**2])
    for i in range(n):
        rows[i].append(rows[i][1] * grid[i][0])
    buckets = [[], []]
    for k in range(n):
        buckets[k % 2].append(np.sin(x[k]))
    total = 0.0
    for i, row in enumerate(rows):
        for k, v in enumerate(row):
            total += v * 10.0**k * (i + 1)
        for j in range(n):
            total += grid[i][j] * 3.0**j
    for k, bucket in enumerate(buckets):
        total += np.array(bucket) @ np.arange(1.0, len(bucket) + 1.0) * (k + 2)
    return total


EXAMPLES = [
    (np.array([1.1, 0.7, 1.6]),),
    (np.array([0.4, 1.3, -0.8, 0.9]),),
]
WRT = (0,)
FUNCTION = table
