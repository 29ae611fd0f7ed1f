"""A chart over spans, filled by length: each cell sums over all the ways to split its span.

After autograd #13, a request for chart-based dynamic programs as in parsing.
"""

import numpy as np
from scipy.special import logsumexp


def log_partition(leaf, split_cost):
    n = len(leaf)
    chart = np.zeros((n, n + 1))
    for i in range(n):
        chart[i, i + 1] = leaf[i]
    for width in range(2, n + 1):
        for i in range(n - width + 1):
            k = i + width
            options = np.empty(width - 1)
            for j in range(i + 1, k):
                options[j - i - 1] = chart[i, j] + chart[j, k] - split_cost * (j - i) * leaf[j]
            chart[i, k] = logsumexp(options)
    return chart[0, n]


EXAMPLES = [
    (np.array([0.5, -0.3, 0.8, 0.1]), 0.4),
    (np.array([0.5, -0.3]), -0.7),
    (np.array([0.5]), 0.2),
]
WRT = (0, 1)
FUNCTION = log_partition
