"""GradBench's determinant: expansion by minors along the first row, which calls itself n! times."""

from __future__ import annotations

from benchmarks.data import generator

SMALL = {"n": 4}


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
