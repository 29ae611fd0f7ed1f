"""x^2 sin x of a Python float: what a call costs."""

from __future__ import annotations

import math

from benchmarks import vm

SIZES = [{}]
QUICK = [{}]
SMALL = {}
WRT = 0


def make():
    return (1.3,)


def objective(x):
    return x**2 * math.sin(x)


@vm.hand
def hand_value(x):
    return x * x * math.sin(x)


@vm.hand
def hand(x):
    s = math.sin(x)
    return x * x * s, 2.0 * x * s + x * x * math.cos(x)
