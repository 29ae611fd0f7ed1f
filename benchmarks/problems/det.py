"""GradBench's determinant: expansion by minors along the first row, which calls itself n! times."""

from __future__ import annotations

import numpy as np

from benchmarks import vm
from benchmarks.data import generator

SIZES = [{"n": 7}]
QUICK = [{"n": 5}]
SMALL = {"n": 4}
WRT = 0


def make(n):
    return generator(n).normal(size=(n, n)), n


def minor(a, n, row, used):
    """The determinant of the rows from `row` on, without the columns whose bits are set in `used`."""
    if row == n:
        return 1.0
    total = 0.0
    sign = 1.0
    for j in range(n):
        if used & (1 << j) == 0:
            total += sign * a[row, j] * minor(a, n, row + 1, used | (1 << j))
            sign = -sign
    return total


def objective(a, n):
    return minor(a, n, 0, 0)


@vm.hand
def _minor(a, n, row, used):
    if row == n:
        return 1.0
    total, sign = 0.0, 1.0
    for j in range(n):
        if used & (1 << j) == 0:
            total += sign * a[row, j] * _minor(a, n, row + 1, used | (1 << j))
            sign = -sign
    return total


@vm.hand
def _with_gradient(a, n, row, used, d_out, d_a):
    """The product of what stands in front goes down with the call, so that each element's part is added once."""
    if row == n:
        return 1.0
    total, sign = 0.0, 1.0
    for j in range(n):
        if used & (1 << j) == 0:
            weight = sign * a[row, j]
            below = _with_gradient(a, n, row + 1, used | (1 << j), d_out * weight, d_a)
            total += weight * below
            d_a[row, j] += d_out * sign * below
            sign = -sign
    return total


@vm.hand
def hand_value(a, n):
    return _minor(a, n, 0, 0)


@vm.hand
def hand(a, n):
    d_a = np.zeros_like(a)
    return _with_gradient(a, n, 0, 0, 1.0, d_a), d_a
