"""A recurrent network fills a buffer and reads back the row that it wrote a step ago."""

import numpy as np


def readout(W, U, v, xs):
    T = len(xs)
    H = np.zeros((T + 1, W.shape[0]))
    for t in range(T):
        H[t + 1] = np.tanh(W @ H[t] + U @ xs[t])
    return np.sum((H[1:] @ v) ** 2)


def _example(T, n, m, seed):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(n, n)),
        rng.normal(size=(n, m)),
        rng.normal(size=n),
        rng.normal(size=(T, m)),
    )


EXAMPLES = [_example(4, 3, 2, 0), _example(2, 2, 3, 1)]
WRT = (0, 1, 2, 3)
FUNCTION = readout
