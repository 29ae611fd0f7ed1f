"""Copies, slices, sums and reversals of lists, which are changed afterwards; lists that a loop replaces."""

import numpy as np


def weigh(items):
    return np.array(items) @ 3.0 ** np.arange(len(items))


def derived(x):
    squares = [v**2 for v in x]
    rest = squares[1:]
    turned = squares[::-1]
    both = squares + [x[0]]
    squares[0] = x[1] * x[2]
    squares += rest
    both.append(turned[0])
    total = weigh(squares) + weigh(rest) * x[1] - weigh(turned) + weigh(both)
    level = list(x)
    while len(level) > 1:
        total += weigh(level)
        level = [a * b for a, b in zip(level, level[1:])]
    grown = [x[0]]
    for v in x:
        grown = grown + [grown[-1] * v]
    for a, b in zip(grown[:-1], reversed(grown)):
        total = 0.9 * total + a * b
    return total * level[0]


EXAMPLES = [
    (np.array([1.1, 0.7, 1.6]),),
    (np.array([0.4, 1.3, 0.8, 0.9]),),
]
WRT = (0,)
FUNCTION = derived
