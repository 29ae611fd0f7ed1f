"""Elementwise gradients, and autograd's names for derivatives at a point."""

from __future__ import annotations

import importlib
import pickle
from typing import Any

import numpy as np
import pytest

import srcdiff
from srcdiff import (
    UnsupportedError,
    elementwise_grad,
    grad,
    hessian,
    jacobian,
    make_hvp,
    make_jvp,
    make_vjp,
)

X = np.array([0.3, -0.7, 1.2])
W = np.array([1.0, -2.0, 0.5])


def bump(x, k):
    return np.exp(-k * x**2) * np.sin(x)


def energy(x, y):
    return np.sum(x**3 * y) + np.sum(y**2)


def test_elementwise_gradients_are_the_derivative_of_each_element() -> None:
    g = elementwise_grad(bump, jit=False)
    np.testing.assert_allclose(g(X, 2.0), np.diag(jacobian(bump, jit=False)(X, 2.0)))
    assert g(0.3, 2.0) == pytest.approx(g(X, 2.0)[0])
    np.testing.assert_allclose(elementwise_grad(bump, jit=True)(X, 2.0), g(X, 2.0), rtol=1e-13)
    assert "np.sum" not in g.source
    assert '"""Elementwise gradient of `bump` with respect to `x`."""' in g.source


def test_elementwise_gradients_nest() -> None:
    def tanh(x):
        return (1.0 - np.exp(-2.0 * x)) / (1.0 + np.exp(-2.0 * x))

    second = elementwise_grad(elementwise_grad(tanh, jit=False), jit=False)
    np.testing.assert_allclose(second(X), -2.0 * np.tanh(X) / np.cosh(X) ** 2)


def test_elementwise_gradients_of_what_is_broadcast_are_summed() -> None:
    found = elementwise_grad(bump, argnums=(0, 1), jit=False)(X, 2.0)
    np.testing.assert_allclose(found[1], np.sum(-(X**2) * bump(X, 2.0)))


def test_elementwise_gradients_need_floats() -> None:
    with pytest.raises(UnsupportedError, match="returns a container"):
        elementwise_grad(lambda x: (x, x), jit=False)(X)


def test_make_vjp() -> None:
    back, value = make_vjp(bump, jit=False)(X, 2.0)
    np.testing.assert_array_equal(value, bump(X, 2.0))
    np.testing.assert_allclose(back(W), W @ jacobian(bump, jit=False)(X, 2.0))
    back, _ = make_vjp(bump, argnums=("x", "k"), jit=False)(X, 2.0)
    _, d_k = back(W)
    np.testing.assert_allclose(d_k, W @ (-(X**2) * bump(X, 2.0)))


def test_make_jvp() -> None:
    along = make_jvp(bump, jit=False)(X, 2.0)
    value, tangent = along(W)
    np.testing.assert_array_equal(value, bump(X, 2.0))
    np.testing.assert_allclose(tangent, jacobian(bump, jit=False)(X, 2.0) @ W)
    both = make_jvp(bump, argnums=(0, 1), jit=False)(X, 2.0)
    _, tangent = both((W, 1.0))
    expected = jacobian(bump, jit=False)(X, 2.0) @ W - X**2 * bump(X, 2.0)
    np.testing.assert_allclose(tangent, expected)


def test_make_jvp_of_a_gradient() -> None:
    gradient = srcdiff.grad(lambda x, k: k * np.sum(x**3), argnums="x", jit=False)
    x = np.array([1.0, -2.0])
    slope, change = srcdiff.make_jvp(gradient, argnums="x", jit=False)(x, 2.0)(np.ones(2))
    np.testing.assert_allclose(slope, 6.0 * x**2)
    np.testing.assert_allclose(change, 12.0 * x)


def test_make_hvp() -> None:
    product, gradient = make_hvp(energy, jit=False)(X, W)
    np.testing.assert_array_equal(gradient, grad(energy, jit=False)(X, W))
    np.testing.assert_allclose(product(W), hessian(energy, jit=False)(X, W) @ W)
    product, _ = make_hvp(energy, argnums=(0, 1), jit=False)(X, W)
    d_x, d_y = product((W, X))
    np.testing.assert_allclose(d_x, 6.0 * X * W * W + 3.0 * X**2 * X)
    np.testing.assert_allclose(d_y, 3.0 * X**2 * W + 2.0 * X)


def test_they_stay_where_they_were_made() -> None:
    x = X.copy()
    along, (product, _) = make_jvp(bump, jit=False)(x, 2.0), make_hvp(energy, jit=False)(x, W)
    before = along(W)[1], product(W)
    x[:] = 0.0
    np.testing.assert_array_equal(along(W)[1], before[0])
    np.testing.assert_array_equal(product(W), before[1])


@pytest.mark.parametrize(("make", "given"), [(make_vjp, 1.0), (make_jvp, X), (make_hvp, X)])
def test_they_show_what_is_generated(make: Any, given: Any, tmp_path: Any) -> None:
    made = make(energy, jit=False)
    with pytest.raises(srcdiff.DifferentiationError, match="has no source yet"):
        _ = made.source
    text = made.source_for(X, W)
    assert f"def energy_{made.label}(x, y, " in text
    found = made(X, W)
    (found if callable(found) else found[0])(given)
    assert made.source == text
    assert "def energy" in made.save(tmp_path / "made.py", X, W).read_text()
    again = pickle.loads(pickle.dumps(made))
    assert again.source_for(X, W) == text


def test_calls_with_one_function_look_at_it_once(monkeypatch):
    def f(x, k=2.0):
        return k * x**2

    srcdiff.jvp(f, (3.0,), (1.0,))
    srcdiff.vjp(f, 3.0)
    looked = []
    for module in ("handles.differentiable", "compile.arguments.signature"):
        found = importlib.import_module(f"srcdiff.{module}").signature_of
        looking = lambda *args, found=found: looked.append(args) or found(*args)
        monkeypatch.setattr(f"srcdiff.{module}.signature_of", looking)
    assert srcdiff.jvp(f, (3.0,), (1.0,)) == (18.0, 12.0)
    assert srcdiff.vjp(f, 3.0)[1](1.0) == (12.0,)
    assert srcdiff.make_jvp(f)(3.0)(1.0) == (18.0, 12.0)
    assert not looked
    f.__defaults__ = (5.0,)
    assert srcdiff.jvp(f, (3.0,), (1.0,)) == (45.0, 30.0)
    assert srcdiff.vjp(f, 3.0)[1](1.0) == (30.0,)
    assert looked


def test_each_maker_shows_the_program_of_its_own_last_call():
    def f(x):
        return np.sum(x**2)

    one, other = srcdiff.make_jvp(f), srcdiff.make_jvp(f)
    one(2.0)(1.0)
    other(np.ones(3))(np.ones(3))
    assert one.source_for(2.0) != other.source_for(np.ones(3))


@pytest.mark.parametrize("make", [make_vjp, make_jvp, make_hvp])
@pytest.mark.parametrize("argnums", [0, (0, 1)])
def test_functions_of_any_number_of_arguments(make: Any, argnums: Any) -> None:
    def product(*args: Any) -> Any:
        return np.sum(np.sin(args[0] * args[-1]))

    def of_two(x: Any, y: Any) -> Any:
        return np.sum(np.sin(x * y))

    x, y = np.array([0.3, 0.7]), np.array([1.1, -0.4])
    found, expected = (make(f, argnums)(x, y) for f in (product, of_two))
    along = 1.0 if make is make_vjp else (x, y) if argnums else x
    one, other = (f[0] if isinstance(f, tuple) else f for f in (found, expected))
    for a, b in zip(np.atleast_1d(one(along)), np.atleast_1d(other(along)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)
    maker = make(product, argnums)
    made = maker(x, y, x)
    (made if callable(made) else made[0])(along)
    assert maker.source == maker.source_for(x, y, x)
