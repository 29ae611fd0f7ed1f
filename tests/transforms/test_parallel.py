"""Loops that threads share: the same results, the same to the last bit each time, and only where turns are alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from corpus_loader import Program, load
from fuzz.compare import flat
from loop_forms import as_python, loop_form

import srcdiff
from srcdiff.compiling import plain
from srcdiff.ir.core import For, walk
from srcdiff.transforms.nests import NoLoopForm

RNG = np.random.default_rng(0)
X = RNG.normal(size=1001)


def energy(x, w):
    s = 0.0
    for i in range(len(x)):
        s += math.exp(-w * x[i] ** 2)
    return s


def regression(w, X, y):
    s = 0.0
    for i in range(len(X)):
        z = 0.0
        for j in range(len(w)):
            z += X[i, j] * w[j]
        s += (z - y[i]) ** 2
    return s


def filter_(x, a):
    s = x[0]
    for i in range(1, len(x)):
        s = a * s + x[i]
    return s**2


def smoothed(x):
    y = x.copy()
    for i in range(1, len(x)):
        y[i] = 0.5 * (y[i - 1] + x[i])
    return np.sum(y**2)


def looked_up(x, rows):
    s = 0.0
    for i in range(len(rows)):
        s += x[rows[i]] ** 2
    return s


def shared_loops(f, *args, threads=None):
    g = srcdiff.value_and_grad(f)
    fn = loop_form(g, args, threads)
    return [s for s in walk(fn.body) if isinstance(s, For) and s.is_parallel]


@pytest.mark.parametrize("threads", [True, 1, 3, 7])
@pytest.mark.parametrize(
    ("f", "args"),
    [
        (energy, (X, 0.5)),
        (energy, (X[:2], 0.5)),
        (energy, (X[:0], 0.5)),
        (regression, (X[:5], RNG.normal(size=(200, 5)), X[:200])),
    ],
    ids=["energy", "two turns", "no turns", "regression"],
)
def test_threads_find_what_one_does(f, args, threads) -> None:
    g = srcdiff.value_and_grad(f, argnums=(0, 1), jit=True, parallel=threads)
    assert "for thread in prange(" in g.loop_source_for(*args)
    value, gradient = g(*args)
    expected, d_expected = srcdiff.value_and_grad(f, argnums=(0, 1), jit=False)(*args)
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(flat(gradient), flat(d_expected), rtol=1e-11, atol=1e-12)


def test_the_same_to_the_last_bit() -> None:
    g = srcdiff.value_and_grad(regression, jit=True, parallel=3)
    args = (X[:5], RNG.normal(size=(200, 5)), X[:200])
    value, gradient = g(*args)
    for _ in range(20):
        again, d_again = g(*args)
        assert again == value
        np.testing.assert_array_equal(d_again, gradient)


def test_each_thread_has_accumulators_of_its_own() -> None:
    text = srcdiff.value_and_grad(regression, parallel=2).loop_source_for(
        X[:5], RNG.normal(size=(200, 5)), X[:200]
    )
    assert "d_w_of_threads = np.zeros((2, len(w)))" in text
    assert "@njit(parallel=True, " in text


@pytest.mark.parametrize(
    ("f", "args"),
    [(filter_, (X, 0.5)), (smoothed, (X,)), (looked_up, (X, np.array([1, 2, 3])))],
    ids=["carried on", "what the turn before wrote", "may raise"],
)
def test_turns_that_are_not_alone_are_left_to_one(f, args) -> None:
    loops = shared_loops(f, *args)
    assert all(not s.carried for s in loops)
    own = srcdiff.value_and_grad(f, jit=True, parallel=True)(*args)
    value, gradient = srcdiff.value_and_grad(f, jit=False)(*args)
    assert own[0] == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(own[1], gradient, rtol=1e-11, atol=1e-12)


def test_off_unless_it_is_asked_for() -> None:
    for off in ("auto", False):
        assert "prange" not in srcdiff.grad(energy, parallel=off).loop_source_for(X, 0.5)
    with pytest.raises(ValueError, match="a number of threads"):
        srcdiff.grad(energy, parallel=0)
    with pytest.raises(ValueError, match="a number of threads"):
        srcdiff.grad(energy, parallel="many")


@pytest.mark.parametrize("program", load("all"), ids=repr)
def test_corpus_in_three_threads(program: Program) -> None:
    g = srcdiff.value_and_grad(program.function, argnums=program.wrt, on_independent="ignore")
    args = program.arguments(0)
    given = g.signature.bind(args, {}, frozenset())
    try:
        loops = as_python(loop_form(g, args, threads=None))
    except NoLoopForm:
        return
    with np.errstate(all="ignore"):
        value, gradient = g(*program.arguments(0))
        found, d_found = loops(*map(plain, given.values, given.types))
    np.testing.assert_allclose(found, value, rtol=1e-11, atol=1e-12)
    expected = flat(gradient)
    scale = max(1.0, float(np.max(np.abs(expected[np.isfinite(expected)]), initial=0.0)))
    np.testing.assert_allclose(flat(d_found), expected, rtol=1e-10, atol=1e-11 * scale)


def nested(p):
    x, d = p
    return np.sum(x * d["b"]) + np.sum(np.sin(d["a"])) * d["b"]


def test_threads_share_parts_of_containers() -> None:
    p = (X[:300], {"a": X[300:], "b": 2.0})
    (d_x, found) = srcdiff.grad(nested, jit=True, parallel=True)(p)
    np.testing.assert_allclose(d_x, np.full(300, 2.0))
    np.testing.assert_allclose(found["a"], 2.0 * np.cos(X[300:]))
    assert found["b"] == pytest.approx(np.sum(X[:300]) + np.sum(np.sin(X[300:])))
