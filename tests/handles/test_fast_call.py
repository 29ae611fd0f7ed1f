"""Calls without binding: they recognise the arguments of a specialisation, and nothing else."""

from __future__ import annotations

import dataclasses
from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import srcdiff
from srcdiff.handles.fast_call import MISS

X = np.array([0.3, -0.7, 1.1])
Pair = namedtuple("Pair", "w b")
SCALE = 2.0
WEIGHTS = np.array([1.0, 2.0, 3.0])


@dataclasses.dataclass
class Line:
    slope: float
    offsets: Any


def energy(x, k):
    return np.sum(np.exp(-k * x**2))


def on_line(line, p, x):
    return np.sum(np.tanh(line.slope * x + line.offsets) * p["w"] + p["pair"].b)


def written(x, y):
    y[0] = x[1] ** 2
    return np.sum(x * y)


def with_outside(x):
    return np.sum(SCALE * WEIGHTS * x**2)


def directly(g: Any, *args: Any) -> Any:
    """The result of the fast path, after a first call."""
    g(*args)
    assert g._direct is not None
    return g._direct(args)


@pytest.mark.parametrize("jit", [False, True])
def test_arguments_of_the_same_types_need_no_binding(jit) -> None:
    g = srcdiff.value_and_grad(energy, jit=jit)
    g(X, 0.5)
    found = g._direct((2.0 * np.ones(7), 0.25))
    assert found is not MISS
    expected = srcdiff.value_and_grad(energy, jit=False)(2.0 * np.ones(7), 0.25)
    assert found[0] == pytest.approx(expected[0])
    np.testing.assert_allclose(found[1], expected[1])


OTHERS = {
    "another dtype": (X.astype(np.float32), 0.5),
    "an axis of length 1": (X[:1], 0.5),
    "another number of axes": (np.ones((3, 2)), 0.5),
    "not contiguous": (np.ones((3, 2))[:, 0], 0.5),
    "a number of NumPy": (X, np.float32(0.5)),
    "an integer": (X, 2),
    "a list": ([0.3, 0.1], 0.5),
    "no arrays": (0.3, 0.5),
    "one too few": (X,),
    "one too many": (X, 0.5, 1),
}


@pytest.mark.parametrize("args", OTHERS.values(), ids=OTHERS)
def test_other_arguments_are_left_to_binding(args) -> None:
    g = srcdiff.grad(energy)
    g(X, 0.5)
    assert g._direct(args) is MISS


@pytest.mark.parametrize("jit", [False, True])
def test_containers_are_unpacked_and_put_together(jit) -> None:
    line, p = Line(0.5, X), {"w": X, "pair": Pair(1.0, 2.0)}
    g = srcdiff.grad(on_line, argnums=(0, 1), jit=jit)
    d_line, d_p = directly(g, line, p, 2.0 * X)
    expected, also = srcdiff.grad(on_line, argnums=(0, 1), jit=False)(line, p, 2.0 * X)
    assert type(d_line) is Line and type(d_p["pair"]) is Pair
    np.testing.assert_allclose(d_line.offsets, expected.offsets)
    assert d_line.slope == pytest.approx(expected.slope)
    np.testing.assert_allclose(d_p["w"], also["w"])
    assert g._direct((line, {"pair": p["pair"], "w": X}, X)) is MISS  # keys in another order
    assert g._direct((Pair(0.5, X), p, X)) is MISS


def test_integers_for_a_differentiated_number_are_floats() -> None:
    g = srcdiff.grad(lambda x: x**3)
    assert directly(g, 2.0) == 12.0
    assert g._direct((2,)) == 12.0 and type(g._direct((2,))) is float
    assert g._direct((True,)) is MISS


def test_arrays_that_overlap_with_one_that_is_written_are_refused() -> None:
    g = srcdiff.grad(written)
    assert directly(g, X, np.ones(3)) is not MISS
    both = np.ones(5)
    assert g._direct((both[:3], both[2:])) is MISS
    with pytest.raises(srcdiff.UnsupportedError, match="overlap"):
        g(both[:3], both[2:])


@pytest.mark.parametrize("jit", [False, True])
def test_what_is_outside_is_looked_at_in_every_call(jit, monkeypatch) -> None:
    g = srcdiff.grad(with_outside, jit=jit)
    np.testing.assert_allclose(directly(g, X), 4.0 * WEIGHTS * X)
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    assert g._direct((X,)) is MISS
    np.testing.assert_allclose(g(X), 6.0 * WEIGHTS * X)
    kept = WEIGHTS.copy()
    try:
        WEIGHTS[0] = 10.0  # what an array holds is read when it runs
        np.testing.assert_allclose(g._direct((X,)), 6.0 * WEIGHTS * X)
    finally:
        WEIGHTS[:] = kept
    monkeypatch.setitem(globals(), "WEIGHTS", np.ones(3))
    np.testing.assert_allclose(g(X), 6.0 * X)


def test_the_source_is_that_of_the_latest_call() -> None:
    g = srcdiff.grad(energy)
    g(X, 0.5)
    of_arrays = g.source
    g(0.5, 0.5)
    assert g.source != of_arrays
    g(X, 0.5)
    assert g.source == of_arrays
    assert directly(g, X, 0.5) is not MISS and g.source == of_arrays


def test_lengths_that_have_to_agree_do() -> None:
    g = srcdiff.grad(lambda x, y: np.sum(x * y))
    g(X, X)
    assert g._direct((X, np.ones(4))) is MISS
    with pytest.raises(srcdiff.UnsupportedError, match="lengths 3 and 4 differ"):
        g(X, np.ones(4))


def test_parameters_that_are_given_by_name_only_are_not_given_by_position() -> None:
    def f(x, *, y):
        return x * y

    g = srcdiff.grad(f)
    assert g(2.0, y=3.0) == 3.0
    with pytest.raises(TypeError, match="positional"):
        g(2.0, 3.0)


def test_numbers_among_tangents_and_weights_need_no_binding() -> None:
    product = srcdiff.hvp(energy, argnums=(0, 1), jit=True)
    expected = srcdiff.hvp(energy, argnums=(0, 1), jit=False)(X, 0.5, (X, 0.25))
    for number in (0.25, np.float64(0.25)):
        found = directly(product, X, 0.5, (X, number))
        np.testing.assert_allclose(found[0], expected[0])
        assert found[1] == pytest.approx(expected[1])
    assert product._direct((X, 0.5, (X, 1j))) is MISS
