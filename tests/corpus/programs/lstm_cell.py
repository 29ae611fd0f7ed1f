"""A helper slices four gates out of one vector and returns two states as a tuple."""

import numpy as np


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def cell(W, b, x, h, c):
    n = len(h)
    gates = W @ np.concatenate((x, h)) + b
    i = sigmoid(gates[:n])
    f = sigmoid(gates[n : 2 * n] + 1.0)
    o = sigmoid(gates[2 * n : 3 * n])
    g = np.tanh(gates[3 * n :])
    c = f * c + i * g
    return o * np.tanh(c), c


def loss(W, b, xs, ys):
    n = len(b) // 4
    h = np.zeros(n)
    c = np.zeros(n)
    total = 0.0
    for x, y in zip(xs, ys):
        h, c = cell(W, b, x, h, c)
        total += np.sum((h - y) ** 2)
    return total


def _example(T, n, m, seed):
    rng = np.random.default_rng(seed)
    return (
        0.5 * rng.normal(size=(4 * n, n + m)),
        rng.normal(size=4 * n),
        rng.normal(size=(T, m)),
        rng.normal(size=(T, n)),
    )


EXAMPLES = [_example(3, 2, 2, 0), _example(2, 1, 3, 1)]
WRT = (0, 1)
FUNCTION = loss
