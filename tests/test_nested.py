"""Derivatives called inside functions that are differentiated: gradients, Hessians, batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import srcdiff
from srcdiff import (
    UnsupportedError,
    batch,
    check_grads,
    differentiate,
    grad,
    hessian,
    hvp,
    jacobian,
)

X = np.array([0.5, 0.2, -0.3])


@differentiate(jit=False)
def energy(x, k):
    return np.sum(x**3) * k


def descend(x, k):
    v = x
    for _ in range(3):
        v = v - 0.1 * energy.grad(v, k)
    return np.sum(v**2)


def descend_by_hand(x, k):
    v = x
    for _ in range(3):
        v = v - 0.1 * (3.0 * v**2 * k)
    return np.sum(v**2)


curvature = hessian(energy, jit=False)
product = hvp(energy, jit=False)


def newton(x, k):
    return np.sum(np.linalg.solve(curvature(x, k) + np.eye(3), energy.grad(x, k)))


def item(w, x):
    return np.sum(np.tanh(w * x))


items = batch(item, in_axes=(None, 0), jit=False)


def loss(w, data):
    return np.sum(items(w, data) ** 2)


def test_a_gradient_inside_a_loop() -> None:
    g = grad(descend, argnums=(0, 1), jit=False)
    expected = grad(descend_by_hand, argnums=(0, 1), jit=False)(X, 2.0)
    for found, wanted in zip(g(X, 2.0), expected, strict=True):
        np.testing.assert_allclose(found, wanted)
    assert "v = v - 0.1 * energy_grad(v, k)" in g.source
    assert "def energy_grad_backward(d_out, x, k):" in g.source


def test_compiled() -> None:
    found = grad(descend, argnums=(0, 1), jit=True)(X, 2.0)
    expected = grad(descend, argnums=(0, 1), jit=False)(X, 2.0)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_hessians_products_and_jacobians() -> None:
    def by_hand(x, k):
        return np.sum(np.linalg.solve(np.diag(6.0 * x * k) + np.eye(3), 3.0 * x**2 * k))

    np.testing.assert_allclose(grad(newton, jit=False)(X, 2.0), grad(by_hand, jit=False)(X, 2.0))
    along = grad(lambda x: np.sum(product(x, 2, x)), jit=False)
    np.testing.assert_allclose(along(X), 24.0 * X)
    slopes = jacobian(np_cubes, jit=False)
    np.testing.assert_allclose(grad(lambda x: np.sum(slopes(x)), jit=False)(X), 6.0 * X)


def np_cubes(x):
    return x**3


def test_a_gradient_by_two_arguments_inside_a_loop() -> None:
    def potential(x, y, w):
        return 1.0 / np.sqrt((x - 10.0) ** 2 + (y - w) ** 2)

    def flight_of(slopes):
        def flight(w):
            x, y = 0.0, 8.0
            while y > 1.0:
                d_x, d_y = slopes(x, y, w)
                x, y = x + 0.5 - 0.1 * d_x, y - 0.7 - 0.1 * d_y
            return x * y

        return flight

    for slopes in (
        grad(potential, argnums=(0, 1)),
        jacobian(potential, mode="forward", argnums=(0, 1)),
    ):
        check_grads(flight_of(slopes), 0.4)


def test_a_slice_from_a_counter_in_a_helper_that_is_called_for_each_direction() -> None:
    def angles_of(theta, bones):
        angles = np.zeros((bones, 3))
        k = 6
        for finger in range(2):
            angles[2 + finger, :2] = theta[k : k + 2]
            k += 4
        return angles

    def total(theta, bones):
        return np.sum(angles_of(theta, bones) ** 2)

    theta = np.arange(14.0)
    expected = np.zeros(14)
    expected[[6, 7, 10, 11]] = 2.0 * theta[[6, 7, 10, 11]]
    found = jacobian(total, mode="forward", jit=True)(theta, 5)
    np.testing.assert_allclose(found, expected)


def test_batches() -> None:
    data = np.random.default_rng(0).normal(size=(5, 3))

    def by_hand(w, data):
        return np.sum(np.sum(np.tanh(w * data), axis=1) ** 2)

    found = grad(loss, jit=False)(X, data)
    np.testing.assert_allclose(found, grad(by_hand, jit=False)(X, data))
    np.testing.assert_allclose(hessian(loss, jit=False)(X, data), hessian(by_hand)(X, data))


def test_both_modes_and_second_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRCDIFF_JIT", "0")
    check_grads(descend_plain, X, 2.0)


def descend_plain(x, k):
    return descend(x, k) + newton(x, k)


def test_a_record_goes_by_the_derivative_that_is_called(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("SRCDIFF_CACHE", str(tmp_path))
    monkeypatch.delenv("SRCDIFF_VERIFY", raising=False)
    first = grad(descend, jit=False).specialise(X, 2.0).program
    assert not first.stored.reason
    srcdiff.api.forget_programs()
    again = grad(descend, jit=False).specialise(X, 2.0).program
    assert again.stored.was_found
    assert again.source == first.source


def test_arguments_have_to_fit() -> None:
    with pytest.raises(UnsupportedError, match=r"takes the arguments x, k; 1 were given") as found:
        grad(lambda x: np.sum(energy.grad(x)), jit=False)(X)
    assert found.value.file == __file__
    with pytest.raises(UnsupportedError, match="an integer array: 'x'"):
        grad(lambda x, n: np.sum(energy.grad(n, x)), jit=False)(1.0, np.array([1, 2]))


def test_derivatives_are_made_outside() -> None:
    with pytest.raises(UnsupportedError, match="cannot be called inside") as found:
        grad(lambda x: grad(item)(x, x), jit=False)(X)
    assert "Make the derivative outside" in found.value.advice
