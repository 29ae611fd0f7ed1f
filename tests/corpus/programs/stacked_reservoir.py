"""A stack of recurrent layers: the state of each is an item of a list, replaced at each step."""

import numpy as np


def last_state_energy(weights, inputs, signal):
    states = [np.zeros(weights.shape[1]) for _ in range(len(weights))]
    for x in signal:
        below = inputs * x
        for layer in range(len(weights)):
            states[layer] = np.tanh(weights[layer] @ states[layer] + below)
            below = states[layer]
    return np.sum(states[len(weights) - 1] ** 2)


def _example(layers, n, T, seed):
    rng = np.random.default_rng(seed)
    return 0.5 * rng.normal(size=(layers, n, n)), rng.normal(size=n), rng.normal(size=T)


EXAMPLES = [_example(2, 2, 3, 0), _example(1, 3, 2, 1)]
WRT = (0, 1, 2)
FUNCTION = last_state_energy
