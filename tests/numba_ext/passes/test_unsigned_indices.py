"""Subscripts that compiled functions may assume not to be negative, and subscripts that they may not."""

import numpy as np
import pytest
from numba import njit

from srcdiff.numba_ext.passes.noalias_allocations import OwnStorage

with_storage = njit(
    pipeline_class=OwnStorage, error_model="numpy", fastmath={"reassoc", "contract"}
)
X = np.arange(1.0, 31.0).reshape(5, 6)


def counted(x, first, last):
    s = 0.0
    for i in range(max(first, 0), last):
        s += x[i, 0] ** 2
    return s


def backwards(x, first, last):
    s = 0.0
    for i in range(last - 1, -1, -1):
        s = 0.5 * s + x[i, i]
    return s


def from_the_end(x, first, last):
    s = 0.0
    for i in range(last):
        s = 0.5 * s + x[-1 - i, i - last] + x[i - 1, first - 1]
    return s


def pairs(x, first, last):
    s, n = 0.0, len(x)
    for i in range(n):
        for j in range(i + 1, n):
            s += (x[i, 1] - x[j, 1]) ** 3
    return s


def stored(x, first, last):
    y = np.zeros(x.shape)
    at = 0
    for i in range(1, len(x)):
        at = at + 1
        y[i] = x[at - 1]
        y[i - 1, at % 3] += x[at // 2, min(at, 2)]
        y[-i, 0] -= 1.0
    return np.sum(y * x)


def looked_up(x, first, last):
    rows = np.array([0, -1, 2])
    s = 0.0
    for k in range(len(rows)):
        s += x[rows[k], k] * x[rows[k] - 1][k]
    return s


def grown(x, first, last):
    """Numbers wrap round, and a quotient of them is a negative subscript then."""
    a, b, s = 1, 1, 0.0
    for _ in range(200):
        a, b = b, a + b
        k = b // 2**62
        s += x[k, 0] if -5 <= k < 5 else 0.0
    return s


@pytest.mark.parametrize(
    "f", [counted, backwards, from_the_end, pairs, stored, looked_up], ids=lambda f: f.__name__
)
def test_the_elements_are_those_that_are_meant(f):
    assert with_storage(f)(X, 1, 5) == pytest.approx(f(X, 1, 5), rel=1e-13)


def test_what_may_have_wrapped_round_is_not_among_it():
    assert with_storage(grown)(X, 1, 5) == njit(grown)(X, 1, 5)


def test_loops_that_start_anywhere_are_vectorised():
    compiled = with_storage(counted)
    compiled(X, 1, 5)
    (text,) = compiled.inspect_llvm().values()
    assert "x double>" in text
