"""`cumsum` along an axis, `prod` along another, differences by slices, and a total of them."""

import numpy as np


def drawdown(returns, weights):
    wealth = np.cumsum(returns * weights, axis=0)
    steps = wealth[1:] - wealth[:-1]
    growth = np.prod(1.0 + 0.1 * returns, axis=1)
    return np.sum(wealth[-1] ** 2) + np.sum(steps**3) + growth @ np.cumsum(growth)


EXAMPLES = [
    (np.random.default_rng(0).normal(size=(4, 2)), np.array([0.5, -1.3])),
    (np.random.default_rng(1).normal(size=(2, 3)), 0.7),
    (np.random.default_rng(2).normal(size=(3, 2)), np.array([[0.4], [1.0], [-0.6]])),
]
WRT = (0, 1)
FUNCTION = drawdown
