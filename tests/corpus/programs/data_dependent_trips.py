"""A vector shrinks until its norm falls below a bound, so the data decide the number of iterations."""

import numpy as np


def shrink(x, A, bound):
    weight = 1.0
    while np.sqrt(np.sum(x**2)) > bound:
        x = 0.9 * np.tanh(A @ x)
        weight = weight * (1.0 + 0.1 * x[0])
    return weight * np.sum(x)


def _example(n, seed, bound):
    rng = np.random.default_rng(seed)
    return 2.0 * rng.normal(size=n), 0.4 * rng.normal(size=(n, n)), bound


EXAMPLES = [_example(4, 5, 0.63), _example(2, 1, 0.2), _example(3, 0, 0.04)]
WRT = (0, 1)
FUNCTION = shrink
UNCONVERGED = True
