"""Helpers fill, shorten, measure and return lists; some of them are called again and again on one list."""

import numpy as np


def push(items, v):
    items.append(v)


def fill(items, x, rate):
    for v in x:
        push(items, rate * v**2)


def halves(items):
    return [0.5 * v for v in items]


def last(items):
    return items.pop()


def passed_on(x, rate, w):
    items = []
    fill(items, x, rate)
    total = np.array(items) @ w
    for t in range(2):
        total += np.array(halves(x * (t + 1))) @ w
    more = halves(items)
    push(more, rate)
    for _ in range(len(x)):
        total = 0.7 * total + last(items) * more[-1]
        push(more, total * 0.1)
    return total + np.sum(np.array(more) * np.arange(1.0, len(more) + 1.0) ** 2)


EXAMPLES = [
    (np.array([1.1, 0.7, 1.6]), 0.4, np.array([1.0, 10.0, 100.0])),
    (np.array([0.4, -0.8]), 1.3, np.array([3.0, -20.0])),
]
WRT = (0, 1, 2)
FUNCTION = passed_on
