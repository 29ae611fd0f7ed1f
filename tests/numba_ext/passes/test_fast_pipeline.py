"""Functions compiled the shorter way give what Numba's own pipeline gives."""

import gc

import numpy as np
import pytest
from numba import njit
from numba.core import types

from srcdiff.handles.locks import COMPILING
from srcdiff.numba_ext.passes import fast_pipeline
from srcdiff.numba_ext.passes.noalias_allocations import OwnStorage

shorter = njit(pipeline_class=OwnStorage)
X = np.linspace(-1.0, 2.0, 7)


def reassigned(x, n):
    """Variables that are assigned on several paths, exchanged, and reused by loops."""
    a, b, last = 1.0, 2.0, 0.0
    total = np.zeros(3)
    for i in range(n):
        if x[i] > 0.5:
            a, b = b, a + x[i]
            last = x[i]
        elif x[i] < -0.5:
            a = a - 1.0
            continue
        for i in range(3):  # the same name as the loop around it
            total[i] += a * i
        total[0] += i
    while a > 0.25:
        a = 0.5 * a
        if b > 100.0:
            break
        b = b * b
    return total, a, b, last


def whole_arrays(x, n):
    """Operations on arrays, a list, and a comprehension: passes that are left out elsewhere."""
    y = 2.0 * x + np.sin(x) * n
    kept = [float(v) for v in y if v > 0.0]
    kept.append(1.0)
    return y - y[::-1], np.array(kept), np.array([i * i for i in range(n)])


def lists_and_pairs(x, n):
    pair = (x, n)
    lists = [1.5, 2.5]
    s = 0.0
    for k in range(len(lists)):
        s += lists[k] * pair[0][k] + pair[1]
    return s, n


def mixed(x, n):
    """One operation on operands of several types: each is typed by itself."""
    a = n + n
    b = n + 0.5
    c = x[0] + n
    d = (n > 2) + a
    return a, b, c, d, n // 2, b // 2, n**2, b**2


@pytest.mark.parametrize("f", [reassigned, whole_arrays, lists_and_pairs, mixed])
def test_results_are_those_of_numba(f):
    found, expected = shorter(f)(X, 5), njit(f)(X, 5)
    for a, b in zip(found, expected, strict=True):
        assert type(a) is type(b)
        np.testing.assert_array_equal(a, b)


def test_what_is_left_out_is_left_out():
    """Were Numba's passes named otherwise, all would still work, and take longer."""
    compiled = shorter(reassigned)
    compiled.compile((types.float64[::1], types.int64))
    (form,) = compiled.overloads.values()
    (times,) = form.metadata["pipeline_times"].values()
    names = {name.partition("_")[2] for name in times}
    ours = {
        c._name
        for c in vars(fast_pipeline).values()
        if hasattr(c, "_name") and c.__module__ == fast_pipeline.__name__
    }
    assert len(ours) == 5 and ours <= names


def never_entered(x):
    """No iteration of a loop runs, and only its text shows the type of the list's items."""
    kept = []
    i = 0
    while i < 1 - 1:
        kept.append(x[i])
        i += 1
    s = 0.0
    while len(kept) > 0:
        s += kept.pop()
    return s


def test_lists_that_only_a_loop_without_iterations_fills():
    assert shorter(never_entered)(X) == 0.0


def test_cycles_are_collected_again():
    assert gc.isenabled()
    with COMPILING:
        assert not gc.isenabled()
        with COMPILING:
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with COMPILING:
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
