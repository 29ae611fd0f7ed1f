"""The Sharpe ratio of a portfolio: running sums of returns and of their squares, in one loop."""

import numpy as np


def negative_sharpe(weights, prices):
    total = 0.0
    squares = 0.0
    n = len(prices)
    for day in range(n):
        r = weights @ prices[day]
        total += r
        squares += r * r
    mean = total / n
    variance = squares / n - mean**2
    return -mean / np.sqrt(variance)


EXAMPLES = [
    (np.array([0.6, 0.4]), np.array([[0.02, -0.01], [0.01, 0.03], [-0.02, 0.02], [0.03, 0.01]])),
    (np.array([0.2, 0.5, 0.3]), np.array([[0.1, -0.2, 0.3], [0.2, 0.1, -0.1], [-0.1, 0.3, 0.2]])),
]
WRT = (0, 1)
FUNCTION = negative_sharpe
