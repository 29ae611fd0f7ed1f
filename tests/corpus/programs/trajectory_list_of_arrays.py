"""A list of arrays grows in a loop, is read by index two iterations later, and is stacked at last."""

import numpy as np


def delayed(x0, A, steps):
    history = [x0, 0.5 * x0]
    for t in range(2, steps):
        history.append(np.tanh(A @ history[t - 1]) + 0.3 * history[t - 2])
    H = np.stack(history)
    return np.sum(H[-1] * H.sum(axis=0)) + np.prod(history[-1])


EXAMPLES = [
    (np.array([0.5, -1.0]), np.random.default_rng(0).normal(size=(2, 2)), 5),
    (np.array([0.5, -1.0, 0.3]), np.random.default_rng(1).normal(size=(3, 3)), 3),
    (np.array([0.5, -1.0]), np.random.default_rng(2).normal(size=(2, 2)), 2),
]
WRT = (0, 1)
FUNCTION = delayed
