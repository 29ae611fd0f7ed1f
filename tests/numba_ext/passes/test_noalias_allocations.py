"""Allocations of compiled functions: arrays as NumPy makes them, which LLVM knows not to alias."""

import re

import numpy as np
import pytest
from numba import float64, njit
from numba.core.runtime import _nrt_python, rtsys

import srcdiff
from srcdiff.numba_ext.passes.noalias_allocations import OwnStorage

owning = njit(pipeline_class=OwnStorage)


def taken(x, n, m):
    return (
        np.empty_like(x),
        np.zeros_like(x),
        np.ones_like(x),
        np.empty(n),
        np.zeros((n, m)),
        np.full((m, n), 2.5),
        np.zeros((n, m), np.float32),
        np.empty(n, dtype=np.int64),
        np.zeros_like(x, dtype=np.complex64),
        np.zeros(n, np.bool_),
        np.zeros((m, n), dtype="int32"),
    )


X = np.arange(24.0).reshape(4, 6)
ARRAYS = {
    "C": X,
    "F": np.asfortranarray(X),
    "strided": X[::2, ::-1],
    "float32": X.astype(np.float32),
    "integers": X.astype(np.int64),
    "complex": X * (1.0 + 2.0j),
    "truth": X > 3.0,
    "empty": X[:0],
    "no axes": np.array(3.0),
    "read-only": np.broadcast_to(X, X.shape),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_the_arrays_are_those_of_numpy(kind):
    expected, found = (f(ARRAYS[kind], 3, 2) for f in (taken, owning(taken)))
    for k, (a, b) in enumerate(zip(expected, found, strict=True)):
        assert (a.shape, a.dtype, a.flags.writeable) == (b.shape, b.dtype, b.flags.writeable)
        if k not in (0, 3, 7):
            np.testing.assert_array_equal(a, b)


def test_a_number_has_an_array_without_axes():
    found = owning(lambda x: np.zeros_like(x))(2.0)
    assert found.shape == () and found == 0.0


def test_negative_lengths_and_too_large_ones_raise():
    for n in (-1, 2**62):
        with pytest.raises((ValueError, MemoryError)):
            owning(lambda n: np.zeros((n, 8)))(n)


@owning
def changing(x, iterations):
    """Writes in front of `own` and after it, through views and two names, alternate."""
    a, b = np.zeros_like(x), np.ones_like(x)
    for t in range(iterations):
        row = a[t % len(a)]
        row += x[t % len(x)]
        a, b = b, a
        b[0] += a[-1]
        a = a.copy() if t % 3 == 0 else a
    return a, b


@pytest.mark.long
def test_writes_are_seen_in_their_order():
    for iterations in (0, 1, 2, 7, 50):
        for a, b in zip(changing(X, iterations), changing.py_func(X, iterations), strict=True):
            np.testing.assert_array_equal(a, b)


def test_storage_is_given_back():
    @owning
    def sums(x, n):
        total = 0.0
        for _ in range(n):
            total += np.zeros_like(x).sum() + np.ones(5).sum() + np.empty((2, 0)).sum()
        return total

    sums(X, 1)
    _nrt_python.memsys_enable_stats()
    before = rtsys.get_allocation_stats()
    assert sums(X, 100) == 500.0
    after = rtsys.get_allocation_stats()
    _nrt_python.memsys_disable_stats()
    assert after.alloc - before.alloc == after.free - before.free >= 300


def fields(x, y):
    if x.shape[1] != 5 or y.shape[1] != 3:
        raise ValueError
    d_x, d_y, u, v = np.zeros_like(x), np.zeros_like(y), np.zeros_like(x), np.zeros_like(y)
    for i in range(len(x)):
        d_x[i, 0] += x[i, 4] * y[i, 0]
        d_x[i, 4] += x[i, 0] * y[i, 1]
        d_y[i, 2] -= x[i, 1] * x[i, 2]
        u[i, 3] += x[i, 3] * y[i, 2]
        v[i, 1] += x[i, 1] * y[i, 1]
    return d_x, d_y, u, v


def test_loops_over_rows_of_many_new_arrays_are_vectorised():
    signature = (float64[:, ::1],) * 2
    text = njit(signature, pipeline_class=OwnStorage)(fields).inspect_llvm(signature)
    assert re.search(r"fmul.*<\d+ x double>", text)
    assert "noalias ptr @srcdiff_own" in text
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(37, 5)), rng.normal(size=(37, 3))
    for a, b in zip(owning(fields)(x, y), fields(x, y), strict=True):
        np.testing.assert_array_equal(a, b)


def test_invariant_loads_may_stand_in_a_loop_that_stores():
    """LLVM took minutes over elementary functions of elementary functions, where stores might have changed them."""

    def weighted(x, p):
        total = 0.0
        for i in range(len(x)):
            total += np.sin(np.sin(p[0] * np.cos(p[1]))) * x[i]
        return total

    x, p = np.linspace(0.5, 2.0, 9), np.array([0.7, 0.3])
    value, d = srcdiff.value_and_grad(weighted, argnums=(0, 1), jit=True)(x, p)
    expected, d_expected = srcdiff.value_and_grad(weighted, argnums=(0, 1), jit=False)(x, p)
    assert value == pytest.approx(expected, rel=1e-13)
    for found, right in zip(d, d_expected, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-13)
