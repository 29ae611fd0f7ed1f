"""Slices that may be shorter than they say are joined inside a loop whose iterations are not counted ahead."""

import numpy as np


def powers(x, A):
    total = 0.0
    rounds = 0
    while rounds < 2:
        rounds += 1
        states = [np.concatenate([np.concatenate([x[1:], x[:1]])[1:], x[:1]]) * rounds]
        for j in range(2):
            states.append((A @ states[j]) * 0.5)
        for q in reversed(states):
            total += np.sum(q * q * q)
    return total


EXAMPLES = [
    (np.array([0.3, -0.8, 0.5]), np.array([[0.2, 0.5, -0.1], [0.7, -0.3, 0.4], [0.1, 0.6, 0.9]])),
    (np.array([0.6, -0.4]), np.array([[0.5, -0.2], [0.3, 0.8]])),
]
WRT = (0, 1)
FUNCTION = powers
