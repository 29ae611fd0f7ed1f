"""Lists in dicts, tuples, records and other lists grow in loops and branches, under more than one name."""

from typing import NamedTuple

import numpy as np


class Log(NamedTuple):
    up: list
    down: list


def weigh(items):
    total = 0.0
    for k, v in enumerate(items):
        total += v * 10.0**k
    return total


def record(log, v):
    log.up.append(v**2)
    log.down.append(np.sin(v) * log.up[-1])


def logged(x):
    state = {"all": [], "even": [], "sum": 0.0}
    every = state["all"]
    pair = ([], [0.5])
    log = Log([], [])
    for i, v in enumerate(x):
        state["all"].append(v**2)
        state["sum"] += v
        if i % 2 == 0:
            state["even"] += [v**3]
        pair[0].append(v * state["sum"])
        pair[1].append(every[-1] * pair[1][-1])
        record(log, v)
    total = weigh(state["all"]) + weigh(state["even"]) * state["sum"]
    return total + weigh(pair[0]) - weigh(pair[1]) + weigh(log.up) * 0.1 + weigh(log.down)


EXAMPLES = [
    (np.array([1.1, 0.7, 1.6]),),
    (np.array([0.4, 1.3, -0.8, 0.9]),),
]
WRT = (0,)
FUNCTION = logged
