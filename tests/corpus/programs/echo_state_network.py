"""An echo state network: its input and recurrent weights are fixed, the leak and the readout are learned."""

import numpy as np


def squared_error(leak, readout, start, W_in, W, inputs, targets):
    h = start
    total = 0.0
    for t in range(len(inputs)):
        h = (1.0 - leak) * h + leak * np.tanh(W_in @ inputs[t] + W @ h)
        total += (readout @ h - targets[t]) ** 2
    return total / len(inputs)


def _example(n, d, T, seed):
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(n, n)) / np.sqrt(4.0 * n)
    return (
        0.4,
        rng.normal(size=n) / n,
        0.1 * rng.normal(size=n),
        rng.normal(size=(n, d)) / np.sqrt(d),
        W,
        rng.normal(size=(T, d)),
        rng.normal(size=T),
    )


EXAMPLES = [_example(32, 34, 4, 0), _example(3, 2, 5, 1)]
WRT = (0, 1, 2)
FUNCTION = squared_error
