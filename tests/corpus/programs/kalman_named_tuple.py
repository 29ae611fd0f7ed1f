"""A scalar filter whose state is a named tuple, rebuilt by a helper in each iteration."""

import math
from typing import NamedTuple


class State(NamedTuple):
    mean: float
    var: float
    log_likelihood: float


def update(state, y, q, r):
    var = state.var + q
    s = var + r
    gain = var / s
    e = y - state.mean
    log_likelihood = state.log_likelihood - 0.5 * (math.log(s) + e * e / s)
    return State(state.mean + gain * e, (1.0 - gain) * var, log_likelihood)


def filter_log_likelihood(state, q, r, ys):
    for y in ys:
        state = update(state, y, q, r)
    return state.log_likelihood


EXAMPLES = [
    (State(0.2, 1.0, 0.0), 0.3, 0.5, [0.1, 0.9, -0.4]),
    (State(-0.5, 2.0, 1.0), 0.1, 0.2, [1.1, 0.4]),
]
WRT = (0, 1, 2)
FUNCTION = filter_log_likelihood
