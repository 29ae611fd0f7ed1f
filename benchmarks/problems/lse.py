"""Log-sum-exp of a long vector, from its elementary parts."""

from __future__ import annotations

import numpy as np

from benchmarks import vm
from benchmarks.data import generator

SIZES = [{"n": 1_000_000}]
QUICK = [{"n": 10_000}]
SMALL = {"n": 9}
WRT = 0
LEFT_OUT = {"srcdiff (NumPy), loop source": lambda size: size["n"] > 3e5}


def make(n):
    return (generator(n).normal(size=n),)


def objective(x):
    top = np.max(x)
    return top + np.log(np.sum(np.exp(x - top)))


def loops(x):
    top = -np.inf
    for i in range(len(x)):
        top = max(top, x[i])
    total = 0.0
    for i in range(len(x)):
        total += np.exp(x[i] - top)
    return top + np.log(total)


CHUNK = 2048


@vm.hand
def _chunk_top(x, start, stop):
    top = -np.inf
    for i in range(start, stop):
        top = max(top, x[i])
    return top


@vm.hand
def hand_value(x):
    top, total = -np.inf, 0.0
    for start in range(0, len(x), CHUNK):
        stop = min(start + CHUNK, len(x))
        new = max(top, _chunk_top(x, start, stop))
        s = 0.0
        for i in range(start, stop):
            s += vm.exp(x[i] - new)
        total = total * np.exp(top - new) + s
        top = new
    return top + np.log(total)


@vm.hand
def hand(x):
    """One pass for the value, one for the gradient: recomputing an exp is cheaper than another pass over memory."""
    value = hand_value(x)
    d_x = np.empty(len(x))
    for i in range(len(x)):
        d_x[i] = vm.exp(x[i] - value)
    return value, d_x
