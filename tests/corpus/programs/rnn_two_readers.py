"""The hidden state is overwritten each step, kept in a buffer, and read through the buffer."""

import numpy as np


def score(W, h0, xs, targets):
    T = len(xs)
    H = np.empty((T, len(h0)))
    h = h0
    for t in range(T):
        h = np.tanh(W @ h + xs[t])
        H[t] = h
    loss = 0.0
    for t in range(T):
        loss += np.sum((H[t] - targets[t]) ** 2) * H[T - 1, 0]
    return loss + h @ h


def _example(T, n, seed):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(n, n)),
        rng.normal(size=n),
        rng.normal(size=(T, n)),
        rng.normal(size=(T, n)),
    )


EXAMPLES = [_example(3, 2, 0), _example(5, 3, 1), _example(1, 2, 2)]
WRT = (0, 1)
FUNCTION = score
