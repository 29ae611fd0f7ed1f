"""Adam with its state in a named tuple, on a gradient written by hand."""

from typing import NamedTuple

import numpy as np


class Adam(NamedTuple):
    mean: np.ndarray
    square: np.ndarray
    beta: float


def update(state, g, t):
    mean = 0.9 * state.mean + 0.1 * g
    square = state.beta * state.square + (1.0 - state.beta) * g**2
    step = mean / (1.0 - 0.9**t) / (np.sqrt(square / (1.0 - state.beta**t)) + 0.01)
    return step, Adam(mean, square, state.beta)


def train(x, target, state, rate, steps):
    for t in range(1, steps + 1):
        g = np.sinh(x - target)
        step, state = update(state, g, t)
        x = x - rate * step
    return np.sum(np.cosh(x - target)) + state.square[0]


def _example(n, seed, steps):
    rng = np.random.default_rng(seed)
    state = Adam(0.1 * rng.normal(size=n), 0.5 * rng.random(n), 0.95)
    return rng.normal(size=n), rng.normal(size=n), state, 0.1, steps


EXAMPLES = [_example(2, 0, 3), _example(3, 1, 1)]
WRT = (0, 1, 2, 3)
FUNCTION = train
UNCONVERGED = True
