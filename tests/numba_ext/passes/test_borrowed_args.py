"""References to arguments: none are counted, and none are missing."""

import gc

import numpy as np
import pytest
from numba import njit
from numba.core.runtime import _nrt_python, rtsys

from srcdiff.numba_ext.passes.noalias_allocations import OwnStorage

compiled = njit(error_model="numpy", pipeline_class=OwnStorage)


@compiled
def given_back(x):
    return x


@compiled
def one_of_two(x, y, k):
    z = x
    if k > 1:
        z = y
    return z


@compiled
def renamed(x, k):
    for _ in range(k):
        x = x[1:] * 2.0
    return x


@compiled
def swapped(x, y, k):
    for _ in range(k):
        x, y = y, x
    return x, y


@compiled
def on_lists(x, k):
    xs = [x]
    for _ in range(k):
        xs.append(x[1:])
    return xs


@compiled
def recursive(x, d, k):
    if k == 0:
        return x
    if k > len(x):
        raise IndexError("too far")
    d[k] += x[k]
    return recursive(x + 0.0 if k % 2 else x, d[:], k - 1)


@compiled
def calls(x, k):
    d = np.zeros_like(x)
    y = recursive(x, d, k)
    return y, given_back(d)


@compiled
def captured(x):
    def inner(y):
        return y + x

    return inner(x)


CALLS = [
    (given_back, 0),
    (one_of_two, 1),
    (renamed, 0),
    (swapped, 1),
    (on_lists, 0),
    (calls, 0),
    (captured, 0),
]


def flat(found):
    return [a for f in found for a in flat(f)] if isinstance(found, tuple | list) else [found]


@pytest.mark.long
@pytest.mark.parametrize(("function", "more"), CALLS)
def test_results_live_as_long_as_somebody_has_them_and_no_longer(function, more):
    counts = () if function in (given_back, captured) else (2,)

    def arrays():
        return [np.arange(5.0) + k for k in range(1 + more)]

    expected = flat(function.py_func(*arrays(), *counts))
    function(*arrays(), *counts)
    gc.collect()
    _nrt_python.memsys_enable_stats()
    before = rtsys.get_allocation_stats()
    found = [flat(function(*arrays(), *counts)) for _ in range(20)]
    waste = [np.full(5, np.nan) for _ in range(1000)]  # takes what was given back
    for each in found:
        for a, e in zip(each, expected, strict=True):
            np.testing.assert_array_equal(a, e)
    del found, each, a, waste
    gc.collect()
    after = rtsys.get_allocation_stats()
    _nrt_python.memsys_disable_stats()
    assert after.alloc - before.alloc == after.free - before.free
    assert after.mi_alloc - before.mi_alloc == after.mi_free - before.mi_free


def test_arguments_are_the_callers_behind_an_error_too():
    x = np.arange(3.0)
    with pytest.raises(IndexError):
        recursive(x, np.zeros(3), 5)
    np.testing.assert_array_equal(recursive(x, np.zeros(3), 2), x)


MINOR = """
def minor(a, n, row, used):
    if row == n:
        return 1.0
    total = 0.0
    for j in range(n):
        if used & 1 << j == 0:
            if row >= len(a) or j >= a.shape[1]:
                raise IndexError("out of bounds")
            total += a[row, j] * minor(a, n, row + 1, used | 1 << j)
    return total
"""


def test_no_references_to_arguments_are_counted_where_something_may_raise():
    counts = []
    for options in ({}, {"pipeline_class": OwnStorage}):
        namespace = {}
        exec(MINOR, namespace)
        function = namespace["minor"] = njit(error_model="numpy", **options)(namespace["minor"])
        assert function(np.ones((4, 4)), 4, 0, 0) == 24.0
        (text,) = function.inspect_llvm().values()
        _, own, *_ = text.split("\ndefine ")
        counts.append(own.count("@NRT_incref(ptr %arg.a"))
    assert counts[0] > counts[1] == 0
