"""Bounds checks: the loop form raises where NumPy does, and never reads outside of an array."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from loop_forms import Guarded, as_python, loop_form

import srcdiff


def window(x, y, n):
    s = 0.0
    for i in range(n):
        s = s + x[i + 1] * y[i] - y[i - 1]
    return s


def table(A, x, n):
    s = 0.0
    for i in range(n):
        for j in range(i):
            s = s + A[i, j] * x[j]
        s = s * x[3]
    return s


def picked(x, y, rows):
    return np.sum(x[rows] * y[1]) + y[-2]


def written(x, y, n):
    out = np.zeros(4)
    for i in range(n):
        out[i] = x[i] ** 2
    out[n] += y[0]
    return np.sum(out * 2.0)


def under_a_branch(x, y, k):
    s = x[0]
    for i in range(len(y)):
        if k < 3:
            s = s + y[i] * x[k]
    return s


def columns(A, x, n):
    s = 0.0
    for t in range(1, n):
        s = s + np.sum(A[:, t] * x[t - 1])
    return s


def behind_the_end(x, n):
    return np.sum(x[np.arange(len(x), len(x) + n)])


def before_the_end(x, n):
    return np.sum(x[np.arange(len(x) - n, len(x))]) + np.sum(x[np.arange(len(x))])


def in_a_triangle(A, n):
    rows, columns = np.triu_indices(len(A) + n, 0, len(A))
    return np.sum(A[rows, columns])


def shifted(x, n):
    return np.sum(x[np.nonzero(x > 2.0)[0] + n])


X, Y, A = np.arange(1.0, 6.0), np.arange(2.0, 6.0), np.arange(12.0).reshape(3, 4)
CASES = [
    *((window, (X, Y, n)) for n in range(-1, 7)),
    *((table, (A, X, n)) for n in range(6)),
    *((table, (A, X[:3], n)) for n in range(4)),
    *((picked, (X, Y[:m], np.array(r))) for m in (1, 2, 4) for r in ([0, 4], [-5], [5], [-6], [])),
    *((written, (X, Y[:m], n)) for n in range(7) for m in (0, 1)),
    *((under_a_branch, (X[:m], Y, k)) for m in (0, 1, 3) for k in (-4, -3, 2, 4)),
    *((f, (X, n)) for f in (behind_the_end, before_the_end, shifted) for n in range(7)),
    *((in_a_triangle, (A[:3, :m], n)) for m in (2, 3) for n in range(3)),
    *((columns, (A[:m], X[:3], n)) for m in (0, 3) for n in range(7)),
]


def outcome(function: Any, args: tuple[Any, ...]) -> Any:
    try:
        return function(*args)[0]
    except IndexError:
        return "IndexError"


@pytest.mark.parametrize(("f", "args"), CASES)
def test_loops_raise_where_numpy_does(f: Any, args: tuple[Any, ...]) -> None:
    args = tuple(a.astype(int) if isinstance(a, np.ndarray) and not a.size and k == 2 else a for k, a in enumerate(args))  # fmt: skip
    wrt = tuple(k for k, a in enumerate(args) if getattr(a, "dtype", None) == np.float64)
    g = srcdiff.value_and_grad(f, argnums=wrt, on_independent="ignore")
    loops = as_python(loop_form(g, args))
    guarded = tuple(a.view(Guarded) if isinstance(a, np.ndarray) else a for a in args)
    expected = outcome(lambda *given: (f(*given),), args)
    found = outcome(loops, guarded)
    assert found == expected if isinstance(expected, str) else found == pytest.approx(expected)


def test_a_loop_is_checked_once() -> None:
    text = srcdiff.grad(window).loop_source_for(X, Y, 3)
    before, loop = text.split("    for ", 1)
    assert "IndexError" in before and "IndexError" not in loop


def test_a_loop_that_prints_is_checked_where_it_reads() -> None:
    def f(x, n):
        s = 0.0
        for i in range(n):
            print(i)
            s = s + x[i]
        return s

    before, loop = srcdiff.value_and_grad(f).loop_source_for(X, 3).split("    for ", 1)
    assert "IndexError" not in before and "IndexError" in loop
