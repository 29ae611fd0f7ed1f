"""Training steps with a gradient written by hand, differentiated with respect to the learning rate."""

import numpy as np


def validation_loss(w, rate, momentum, X, y, steps):
    velocity = np.zeros_like(w)
    for _ in range(steps):
        residual = X @ w - y
        velocity = momentum * velocity - rate * X.T @ residual / len(y)
        w = w + velocity
    return np.mean((X[::2] @ w - y[::2]) ** 2) + 0.1 * np.sum(np.abs(w))


def _example(n, d, seed, steps):
    rng = np.random.default_rng(seed)
    return rng.normal(size=d), 0.3, 0.7, rng.normal(size=(n, d)), rng.normal(size=n), steps


EXAMPLES = [_example(5, 2, 0, 3), _example(4, 3, 1, 1)]
WRT = (0, 1, 2)
FUNCTION = validation_loss
UNCONVERGED = True
