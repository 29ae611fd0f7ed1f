"""A list of layers as (W, b) tuples; activations are kept by the program and used in the loss."""

import numpy as np


def loss(layers, x, y):
    activations = [x]
    for W, b in layers:
        activations.append(np.maximum(activations[-1] @ W + b, 0.1 * activations[-1] @ W))
    penalty = 0.0
    for a in activations[1:]:
        penalty += np.mean(a**2)
    return np.mean((activations[-1] - y) ** 2) + 0.1 * penalty


def _example(sizes, n, seed):
    rng = np.random.default_rng(seed)
    layers = [
        (rng.normal(size=(sizes[i], sizes[i + 1])), rng.normal(size=sizes[i + 1]))
        for i in range(len(sizes) - 1)
    ]
    return layers, rng.normal(size=(n, sizes[0])), rng.normal(size=(n, sizes[-1]))


EXAMPLES = [_example([2, 3, 1], 4, 0), _example([3, 2, 2, 2], 2, 1)]
WRT = (0, 1)
FUNCTION = loss
