"""Derivatives called from the user's own compiled code give what they give in Python."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from collections import namedtuple

import numpy as np
import pytest
from numba import njit, prange
from numba.core.errors import TypingError

import srcdiff
from srcdiff import differentiate

X = np.array([0.3, -0.7, 1.1])
V = np.array([1.0, 2.0, 3.0])
Pair = namedtuple("Pair", "w b")


@differentiate
def log_p(x, k=2.0):
    return -0.5 * np.sum(x**2) * k - 0.1 * np.sum(x**4)


log_p_grad = srcdiff.grad(log_p)


def leaves(tree):
    return [a for part in tree for a in leaves(part)] if isinstance(tree, tuple) else [tree]


def agree(function, *args):
    """What compiled code gives, compared with the same text in Python."""
    found, expected = leaves(function(*args)), leaves(function.py_func(*args))
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        if b is None:
            assert a is None
        else:
            dtype = np.asarray(b).dtype
            np.testing.assert_allclose(a, b, rtol=1e-6 if dtype == np.float32 else 1e-12)
            assert np.asarray(a).dtype == dtype


@njit
def hmc_step(x, p, step, steps):
    """One step of Hamiltonian Monte Carlo, as a Numba user writes it."""
    start = log_p(x) - 0.5 * np.sum(p**2)
    y = x.copy()
    p = p + 0.5 * step * log_p.grad(y)
    for i in range(steps):
        y += step * p
        if i < steps - 1:
            p += step * log_p.grad(y)
    value, d_y = log_p.value_and_grad(y)
    p += 0.5 * step * d_y
    return y, value - 0.5 * np.sum(p**2) - start


@pytest.mark.long
def test_a_step_of_hamiltonian_monte_carlo():
    agree(hmc_step, X, V, 0.1, 5)
    # an axis of length 1 may be broadcast: such calls have a program of their own
    agree(hmc_step, X[:1], V[:1], 0.1, 5)
    agree(hmc_step, X[:0], V[:0], 0.1, 5)


@pytest.mark.long
def test_handles_are_globals_arguments_and_captured():
    @njit
    def by_global(x):
        return log_p_grad(x), log_p_grad(x, k=3.0), log_p_grad(x, 2)

    def of(handle):
        @njit
        def captured(x):
            return handle(x)

        return captured

    @njit
    def given(handle, x):
        return handle.grad(x)

    agree(by_global, X)
    agree(of(log_p.value_and_grad), X[::-1])  # not contiguous
    agree(given, log_p, X.astype(np.float32))


@pytest.mark.long
def test_forward_mode_and_second_order():
    @njit
    def along(x, v):
        return log_p.jvp((x, 2.0), (v, None)), log_p.jvp((x, 2.0), (v, 1)), log_p.hvp(x, 2.0, v)

    agree(along, X, V)
    with pytest.raises(ValueError, match="has another shape than x"):
        along(X, np.ones(4))

    @njit
    def parts(x, v):
        return log_p.jvp((x,), (v, v))

    with pytest.raises(TypingError, match="a tangent for each of them"):
        parts(X, V)


def test_tuples():
    def line(p, x):
        return np.sum((x * p[0] - p[1]) ** 2)

    def named(p, x):
        return np.sum((x * p.w - p.b) ** 2)

    by_position, by_name = srcdiff.grad(line), srcdiff.value_and_grad(named, argnums=(0, 1))

    @njit
    def both(a, b, x):
        return by_position((a, b), x), by_name(Pair(a, b), x)

    agree(both, 1.0, 2, X)
    assert type(both(1.0, 2, X)[1][1][0]) is Pair


@pytest.mark.long
def test_what_must_be_known_when_compiling_is_a_constant_of_the_caller():
    def squared_sums(x, axis):
        return np.sum(np.sum(x, axis=axis) ** 2)

    g = srcdiff.grad(squared_sums)

    @njit
    def constant(x):
        return g(x, 0), g(x, axis=1)

    @njit
    def variable(x, axis):
        return g(x, axis)

    x = np.arange(6.0).reshape(2, 3)
    agree(constant, x)
    with pytest.raises(TypingError, match="`axis` must be known when compiling") as caught:
        variable(x, 0)
    assert "write its value into the call" in str(caught.value)
    assert "test_calls.py" in str(caught.value) and "squared_sums(x, axis)" in str(caught.value)


def test_lengths_are_compared():
    g = srcdiff.grad(lambda x, y: np.sum(x * y))

    @njit
    def product(x, y):
        return g(x, y)

    agree(product, X, V)
    agree(product, X, V[:1])
    with pytest.raises(ValueError, match="have to have equal lengths"):
        product(X, np.ones(4))


@pytest.mark.long
def test_written_arguments_may_not_overlap():
    @differentiate
    def shifted(x, y):
        x[0] = 3.0 * y[1]
        return np.sum(x * y)

    @njit
    def call(x, y):
        return shifted.grad(x, y)

    x = np.append(X, 0.0)
    agree(call, x[:3], V)
    np.testing.assert_array_equal(x, [0.3, -0.7, 1.1, 0.0])
    for y in (x[:3], x[1:], x[:3][::-1]):
        with pytest.raises(ValueError, match="overlap in memory"):
            call(x[:3], y)


@pytest.mark.slow
def test_in_parallel_loops():
    rows = np.random.default_rng(0).normal(size=(64, 3))
    expected = np.array([log_p_grad(row) for row in rows])

    @njit(parallel=True)
    def all_rows(rows):
        out = np.empty_like(rows)
        for i in prange(len(rows)):
            out[i] = log_p_grad(rows[i])
        return out

    np.testing.assert_allclose(all_rows(rows), expected)


def test_two_compilers_in_two_threads_do_not_wait_for_each_other():
    def polynomial(x):
        return np.sum(x**3)

    from_python = srcdiff.grad(polynomial, jit=True)
    from_compiled = srcdiff.grad(polynomial)

    @njit
    def call(x):
        return from_compiled(x)

    threads = [threading.Thread(target=f, args=(X,), daemon=True) for f in (from_python, call)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60.0)
        assert not thread.is_alive()


def refused(function, *args):
    with pytest.raises(TypingError) as caught:
        function(*args)
    return str(caught.value)


def test_what_cannot_be_called_says_why_and_what_to_do():
    @njit
    def back(x):
        return log_p.vjp(x)

    @njit
    def listed(x):
        return log_p_grad([x, x])

    @njit
    def text(x, s):
        return log_p_grad(x, s)

    grows = srcdiff.grad(lambda x: factorial(x))

    @njit
    def recursive(x):
        return grows(x)

    assert "Call value_and_grad or jvp" in refused(back, X)
    message = refused(listed, X)
    assert "`x` is a list" in message and "Pass a tuple" in message
    assert (
        "def log_p(x, k=2.0):" in message
        and "return log_p_grad([x, x])" not in message.split("During")[0]
    )
    assert "string that is not known" in refused(text, X, "a")
    assert recursive(3.0) == 11.0  # x (x - 1) (x - 2)


def factorial(x):
    return x if x <= 1.0 else x * factorial(x - 1.0)


MODULE = """
import numpy as np
from numba import njit
import srcdiff


@srcdiff.differentiate
def log_p(x):
    return -np.sum(x**4)


@njit(cache=True)
def step(x):
    return x + 0.1 * log_p.grad(x)
"""

CALL = """
import numpy as np
import cached
for n in (3, 1):
    print(cached.step(np.arange(1.0, n + 1.0)).tolist())
print(sum(cached.step.stats.cache_hits.values()))
"""


@pytest.mark.long
def test_callers_that_numba_caches(tmp_path):
    (tmp_path / "cached.py").write_text(textwrap.dedent(MODULE))
    outputs = [
        subprocess.run(
            [sys.executable, "-c", CALL],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "SRCDIFF_CACHE": str(tmp_path / "cache"),
            },
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split("\n")
        for _ in range(2)
    ]
    x = np.arange(1.0, 4.0)
    for lines, hits in zip(outputs, "01", strict=True):
        np.testing.assert_allclose(eval(lines[0]), x - 0.4 * x**3)
        np.testing.assert_allclose(eval(lines[1]), [0.6])
        assert lines[2] == hits


def test_parameters_may_be_called_anything():
    @differentiate
    def f(np, compiled, run=2.0):
        return run * (np[0] * compiled) ** 2

    @njit
    def call(x):
        return f.grad(x, 3.0), f.grad(x, run=1.0, compiled=2.0), f.hvp(x, 3.0, 1.0, x)

    agree(call, X)
