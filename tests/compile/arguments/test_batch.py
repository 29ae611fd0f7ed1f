"""Batches: `batch` against a loop over calls, with derivatives inside and around it, and its errors."""

from __future__ import annotations

import pickle
from collections import namedtuple
from typing import Any

import numpy as np
import pytest
from corpus_loader import Program, load

import srcdiff
from srcdiff import UnsupportedError, batch, elementwise_grad, grad, hessian, jacobian, vjp

RNG = np.random.default_rng(0)
X, W = RNG.normal(size=(5, 3)), RNG.normal(size=3)


def score(x, w):
    return np.sum(np.tanh(x * w))


def walk(x, n):
    total = 0.0
    for i in range(3):
        if x[i] > 0.0:
            total += x[i] ** n
        else:
            return total, np.zeros(2) + x[0]
    return total, np.ones(2)


def times(x, y):
    return x * y


def layer(p, x):
    return {"h": np.tanh(p["W"] @ x + p["b"]), "n": 3}


def scaled(x, kind="half", factor=2.0):
    return 0.5 * x if kind == "half" else factor * x


def test_it_is_the_loop_over_items() -> None:
    g = batch(score, in_axes=(0, None), jit=False)
    np.testing.assert_array_equal(g(X, W), [score(x, W) for x in X])
    assert g.source.endswith(
        '''
def score_batch(x, w):
    """`score` of many items."""
    totals = np.empty(len(x))
    for i, x_row in enumerate(x):
        totals[i] = np.sum(np.tanh(x_row * w))
    return totals
'''
    )


def test_branches_loops_and_early_returns_are_those_of_each_item() -> None:
    items = np.abs(X)
    items[2, 1] *= -1.0
    g = batch(walk, in_axes=(1, None), out_axes=(0, 1), jit=False)
    totals, rest = g(items.T, 2)
    expected = [walk(x, 2) for x in items]
    np.testing.assert_array_equal(totals, [t for t, _ in expected])
    np.testing.assert_array_equal(rest, np.stack([r for _, r in expected], axis=1))
    np.testing.assert_array_equal(batch(walk, in_axes=(1, None), jit=True)(items.T, 2)[0], totals)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_items_lie_along_any_axis(axis: int) -> None:
    x = RNG.normal(size=(2, 3, 4))
    found = batch(np_flat, in_axes=axis, out_axes=-1, jit=False)(x)
    expected = np.stack([np_flat(v) for v in np.moveaxis(x, axis, 0)], axis=-1)
    np.testing.assert_array_equal(found, expected)


def np_flat(x):
    return np.cumsum(x.reshape(-1)) * x[0, 0]


def test_containers_have_axes_of_their_own() -> None:
    p = {"W": RNG.normal(size=(2, 3)), "b": RNG.normal(size=(5, 2))}
    found = batch(layer, in_axes=({"W": None, "b": 0}, 0), jit=False)(p, X)
    np.testing.assert_allclose(found["h"], np.tanh(X @ p["W"].T + p["b"]))
    np.testing.assert_array_equal(found["n"], [3] * 5)
    both = batch(layer, in_axes={"x": 0, "p": {"W": None, "b": 0}}, jit=False)(p, X)
    np.testing.assert_array_equal(both["h"], found["h"])
    along = batch(layer, in_axes=({"W": None, "b": 0}, 0), out_axes={"h": 1, "n": 0}, jit=False)
    np.testing.assert_array_equal(along(p, X)["h"], found["h"].T)

    Pair = namedtuple("Pair", "a b")
    pairs = batch(lambda q: q.a * q.b, jit=False)(Pair(X, X[:, 0]))
    np.testing.assert_array_equal(pairs, X * X[:, :1])


def test_numbers_of_items_may_be_whole_and_masks() -> None:
    def f(x, n, keep):
        return x**n if keep else 0.0

    n, keep = np.array([0, 1, 2, 3, 4]), np.array([True, False, True, True, True])
    for jit in (False, True):
        found = batch(f, jit=jit)(X[:, 0], n, keep)
        np.testing.assert_allclose(found, np.where(keep, X[:, 0] ** n, 0.0))
    assert batch(lambda n: n + 1, jit=False)(n).dtype == np.int64


def test_defaults_are_for_all_items() -> None:
    g = batch(scaled, jit=False)
    np.testing.assert_array_equal(g(X), 0.5 * X)
    np.testing.assert_array_equal(g(X, "other"), 2.0 * X)
    np.testing.assert_array_equal(g(X, "other", np.arange(5.0)), np.arange(5.0)[:, None] * X)
    np.testing.assert_array_equal(batch(scaled, in_axes=(0,), jit=False)(X, "other", 3.0), 3.0 * X)


def test_float32_stays_and_one_item_and_none_are_batches() -> None:
    g = batch(times, in_axes=(0, None), jit=False)
    assert g(X.astype(np.float32), np.float32(2.0)).dtype == np.float32
    np.testing.assert_array_equal(g(X[:1], 2.0), 2.0 * X[:1])
    assert g(X[:0], 2.0).shape == (0, 3)


def test_batches_of_batches() -> None:
    rows = batch(times, in_axes=(0, None), jit=False)
    table = batch(rows, in_axes=(None, 0), jit=False)(X[:, 0], W)
    np.testing.assert_array_equal(table, np.outer(W, X[:, 0]))


# ---- with derivatives --------------------------------------------------------------------------------


def test_batches_of_derivatives() -> None:
    inner = grad(score, argnums=(0, 1), jit=False)
    for jit in (False, True):
        d_x, d_w = batch(inner, in_axes=(0, None), out_axes=(0, 1), jit=jit)(X, W)
        np.testing.assert_allclose(d_x, [inner(x, W)[0] for x in X])
        np.testing.assert_allclose(d_w.T, [inner(x, W)[1] for x in X])
    hessians = batch(hessian(score, jit=False), in_axes=(0, None), jit=False)(X, W)
    np.testing.assert_allclose(hessians, [hessian(score, jit=False)(x, W) for x in X])


def test_derivatives_of_batches() -> None:
    g = batch(score, in_axes=(0, None), jit=False)
    _, back = vjp(g, X, W, argnums=1, jit=False)
    weights = RNG.normal(size=5)
    per_item = np.stack([grad(score, argnums=1, jit=False)(x, W) for x in X])
    np.testing.assert_allclose(back(weights), weights @ per_item)
    np.testing.assert_allclose(jacobian(g, argnums=1, jit=False)(X, W), per_item)
    np.testing.assert_allclose(
        jacobian(g, argnums=1, mode="reverse", jit=True)(X, W), per_item, rtol=1e-12
    )
    np.testing.assert_allclose(elementwise_grad(g, argnums=1, jit=False)(X, W), per_item.sum(0))


OF_ARRAYS = [p for p in load("all") if isinstance(p.arguments(0)[p.wrt[0]], np.ndarray)]


@pytest.mark.slow
@pytest.mark.parametrize("program", OF_ARRAYS, ids=lambda p: p.name)
def test_gradients_of_the_corpus_for_two_items(program: Program) -> None:
    args, k = program.arguments(0), program.wrt[0]
    items = np.stack([args[k], 1.01 * args[k]])
    options: dict[str, Any] = {"argnums": k, "on_independent": "ignore", "jit": False}
    g = grad(program.function, **options)
    axes = tuple(0 if j == k else None for j in range(len(args)))
    found = batch(g, in_axes=axes, jit=False)(*args[:k], items, *args[k + 1 :])
    expected = [g(*args[:k], item, *args[k + 1 :]) for item in items]
    np.testing.assert_allclose(found, np.stack(expected), rtol=1e-9, atol=1e-12)


def test_items_that_are_written_are_copied() -> None:
    def f(x):
        x[0] = 2.0 * x[1]
        return np.sum(x**2)

    x = X.copy()
    found = batch(f, jit=False)(x)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_allclose(found, 4.0 * X[:, 1] ** 2 + X[:, 1] ** 2 + X[:, 2] ** 2)


# ---- as a generated function ------------------------------------------------------------------------


def test_it_pickles_saves_and_checks_lengths(tmp_path: Any) -> None:
    g = batch(times, jit=False)
    again = pickle.loads(pickle.dumps(g))
    np.testing.assert_array_equal(again(X, X), X * X)
    namespace: dict[str, Any] = {}
    exec(g.save(tmp_path / "times.py", X, X).read_text(), namespace)
    np.testing.assert_array_equal(namespace["times_batch"](X, X), X * X)
    with pytest.raises(ValueError, match="have to have equal lengths"):
        namespace["times_batch"](X, X[:3])


def test_axes_make_programs_of_their_own(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("SRCDIFF_CACHE", str(tmp_path))
    square = RNG.normal(size=(3, 3))
    for axis in (0, 1, 0, 1):
        found = batch(total, in_axes=axis, jit=False)(square)
        np.testing.assert_allclose(found, [total(v) for v in np.moveaxis(square, axis, 0)])


def total(x):
    return x[0] + 2.0 * x[1] + 3.0 * x[2]


# ---- mistakes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "in_axes", "args", "message"),
    [
        (times, (0, 0), (X, W), "different numbers of items: x has 5, y has 3"),
        (times, (0, 0, 0), (X, W), "in_axes is for 3 arguments, there are 2: x, y"),
        (times, (0,), (X, W), "in_axes is for 1 arguments, there are 2: x, y"),
        (times, (2, None), (X, W), "x has 2 axes, so its items cannot be along axis 2"),
        (times, 0, (X, 2.0), "y has 0 axes, so its items cannot be along axis 0"),
        (times, (None, None), (X, W), "None for all arguments: there are no items"),
        (
            times,
            ({"a": 0}, None),
            (X, W),
            "in_axes has a container for x, which is not a container",
        ),
        (times, {"z": 0}, (X, W), "there is no argument 'z'; they are x, y"),
        (layer, ({"W": None}, 0), ({"W": X, "b": X}, X), "has the keys 'W' for p, which has"),
        (times, (0, None), ([1.0, 2.0], 3.0), "x is a list; pass an array"),
    ],
)
def test_axes_that_do_not_fit_are_refused(f: Any, in_axes: Any, args: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        batch(f, in_axes=in_axes, jit=False)(*args)


def test_unequal_batches_are_refused_in_later_calls_as_well() -> None:
    g = batch(times, jit=False)
    g(X, X)
    with pytest.raises(ValueError, match="different numbers of items: x has 5, y has 4"):
        g(X, X[:4])


def test_axes_are_whole_numbers() -> None:
    with pytest.raises(ValueError, match="in_axes has 'x': expected an int, None, or a container"):
        batch(times, in_axes="x")
    with pytest.raises(ValueError, match="out_axes has None: expected an int, or a container"):
        batch(times, out_axes=None)
    with pytest.raises(ValueError, match="out_axes does not have the structure of the result"):
        batch(walk, in_axes=(0, None), out_axes=(0, 0, 0), jit=False)(X, 2)


def test_results_have_one_shape() -> None:
    g = batch(lambda n: np.ones(n), jit=False)
    np.testing.assert_array_equal(g(np.array([2, 2])), np.ones((2, 2)))
    with pytest.raises(ValueError, match="must have the same shape"):
        g(np.array([1, 2, 3]))
    with pytest.raises(UnsupportedError, match="returns a list, and a batch of lists is no array"):
        batch(growing, jit=False)(X)


def growing(x):
    out = []
    for v in x:
        if v > 0.0:
            out.append(v)
    return out


def test_mistakes_in_the_function_are_reported_at_its_line() -> None:
    def f(x):
        return np.trim_zeros(x)

    with pytest.raises(srcdiff.DifferentiationError, match="not known to srcdiff"):
        batch(f, jit=False)(X)
