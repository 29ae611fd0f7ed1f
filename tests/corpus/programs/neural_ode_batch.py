"""A helper with a matrix state and two nested calls, stepped in a loop with a changing time."""

import numpy as np


def field(params, X, t):
    W1, b1, W2 = params
    hidden = np.tanh(X @ W1 + b1 * t)
    return hidden @ W2


def heun(params, X, t, dt):
    k1 = field(params, X, t)
    k2 = field(params, X + dt * k1, t + dt)
    return X + 0.5 * dt * (k1 + k2)


def loss(params, X, Y, steps):
    dt = 1.0 / steps
    for n in range(steps):
        X = heun(params, X, n * dt, dt)
    return np.mean((X - Y) ** 2)


def _example(n, d, h, seed, steps):
    rng = np.random.default_rng(seed)
    params = (rng.normal(size=(d, h)), rng.normal(size=h), rng.normal(size=(h, d)))
    return params, rng.normal(size=(n, d)), rng.normal(size=(n, d)), steps


EXAMPLES = [_example(3, 2, 2, 0, 3), _example(1, 1, 3, 1, 2)]
WRT = (0, 1, 2)
FUNCTION = loss
