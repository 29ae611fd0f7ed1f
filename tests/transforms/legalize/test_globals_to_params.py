"""Global arrays are parameters of compiled code."""

from __future__ import annotations

import numpy as np

import srcdiff

A = np.array([1.0, 2.0, 3.0])
B = np.array([0.5, 0.25])


def weigh(x):
    return np.sum(A * x)


def nested(x, k=2.0):
    return weigh(x**2) + k * weigh(x) * np.sum(B)


X = np.array([0.3, -0.7, 1.1])


def test_helpers_are_given_what_they_find_outside() -> None:
    g = srcdiff.value_and_grad(nested, jit=True)
    text = g.loop_source_for(X)
    assert "def nested_value_and_grad(x, k, A, B):" in text
    value, d_x = g(X)
    expected, d_expected = srcdiff.value_and_grad(nested, jit=False)(X)
    np.testing.assert_allclose(value, expected)
    np.testing.assert_allclose(d_x, d_expected)


def test_what_they_hold_is_read_in_each_call() -> None:
    g = srcdiff.grad(nested, jit=True)
    before = g(X)
    kept = B.copy()
    try:
        B[:] = 10.0
        after = g(X)
    finally:
        B[:] = kept
    np.testing.assert_allclose(after - before, 2.0 * A * (20.0 - 0.75))


def test_a_saved_loop_form_is_called_as_the_function_is(tmp_path) -> None:
    path = srcdiff.grad(nested, jit=True).save(tmp_path / "saved.py", X, form="loops")
    names: dict = {}
    exec(path.read_text(), names)
    np.testing.assert_allclose(names["nested_grad"](X, 2.0), srcdiff.grad(nested, jit=False)(X))
