"""Rosenbrock's valley in three dimensions: what a call with a small array costs."""

from __future__ import annotations

import numpy as np

from benchmarks import vm

SIZES = [{"n": 3}]
QUICK = [{"n": 3}]
SMALL = {"n": 3}
WRT = 0


def make(n):
    return (np.linspace(-0.9, 1.2, n),)


def objective(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def loops(x):
    total = 0.0
    for i in range(len(x) - 1):
        total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return total


@vm.hand
def hand_value(x):
    total = 0.0
    for i in range(len(x) - 1):
        a, b = x[i + 1] - x[i] * x[i], 1.0 - x[i]
        total += 100.0 * a * a + b * b
    return total


@vm.hand
def hand(x):
    d_x = np.zeros(len(x))
    total = 0.0
    for i in range(len(x) - 1):
        a, b = x[i + 1] - x[i] * x[i], 1.0 - x[i]
        total += 100.0 * a * a + b * b
        d_x[i + 1] += 200.0 * a
        d_x[i] -= 400.0 * a * x[i] + 2.0 * b
    return total, d_x
