"""Derivatives called inside functions that are differentiated: gradients, Hessians, batches."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import scipy.optimize
from corpus_loader import finite_difference_grad

import srcdiff
from srcdiff import (
    UnsupportedError,
    batch,
    check_grads,
    differentiate,
    elementwise_grad,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
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


def test_a_record_depends_on_the_derivative_that_is_called(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("SRCDIFF_CACHE", str(tmp_path))
    monkeypatch.delenv("SRCDIFF_VERIFY", raising=False)
    first = grad(descend, jit=False).specialise(X, 2.0).program
    assert not first.stored.reason
    srcdiff.handles.differentiable.forget_programs()
    again = grad(descend, jit=False).specialise(X, 2.0).program
    assert again.stored.was_found
    assert again.source == first.source


def test_arguments_have_to_fit() -> None:
    with pytest.raises(UnsupportedError, match=r"takes the arguments x, k; 1 were given") as found:
        grad(lambda x: np.sum(energy.grad(x)), jit=False)(X)
    assert found.value.file == __file__
    with pytest.raises(UnsupportedError, match="an integer array: 'x'"):
        grad(lambda x, n: np.sum(energy.grad(n, x)), jit=False)(1.0, np.array([1, 2]))


# ---- derivatives that are made inside ------------------------------------------------------------------


def barrier(x, c):
    return np.sum(np.cosh(x) * c) + x[0] * x[1]


def slope_of_barrier(x, c):
    return np.sinh(x) * c + np.array([x[1], x[0], 0.0])


def made_of_a_known_function(x, c):
    for _ in range(2):
        x = x - 0.1 * grad(barrier)(x, c)
    return np.sum(x**2)


def made_of_a_known_function_by_hand(x, c):
    for _ in range(2):
        x = x - 0.1 * slope_of_barrier(x, c)
    return np.sum(x**2)


def made_of_a_lambda(x, c):
    slope = grad(lambda y: barrier(y, c) * weight)
    weight = np.sum(c)  # a function sees what its names stand for when it is called
    c = 2.0 * c
    return np.sum(slope(x) ** 2)


def made_of_a_lambda_by_hand(x, c):
    weight = np.sum(c)
    return np.sum((slope_of_barrier(x, 2.0 * c) * weight) ** 2)


def matrices(x, c):
    """Of a nested function, with one that it calls."""

    def scaled(y):
        return y * c

    def cubes(y):
        return np.sum(scaled(y)) * scaled(y)

    return np.sum(jacobian(cubes)(x) ** 2)


def matrices_by_hand(x, c):
    return np.sum((np.outer(x * c, c) + np.sum(x * c) * np.diag(c)) ** 2)


def second_order(x, c):
    """Of derivatives, along a direction, of a function with bound arguments."""
    along = hvp(functools.partial(barrier, c=c))(x, c)
    return np.sum(along) + grad(grad(lambda t: np.sum(c * t**3)))(x[0])


def second_order_by_hand(x, c):
    along = np.cosh(x) * c * c + np.array([c[1], c[0], 0.0])
    return np.sum(along) + 6.0 * x[0] * np.sum(c)


def at_a_point(x, c):
    value, slope = srcdiff.jvp(lambda y, k: np.sin(y) * c * k, (x, 3), (c, None))
    again, back = srcdiff.vjp(lambda y, k: y**2 * c * k, x, 2.0)
    by_y, by_k = back(again)
    return np.sum(value * slope) + np.sum(by_y) * by_k


def at_a_point_by_hand(x, c):
    value, slope = 3.0 * np.sin(x) * c, 3.0 * np.cos(x) * c * c
    again = 2.0 * x**2 * c
    return np.sum(value * slope) + np.sum(again * 4.0 * x * c) * np.sum(again * x**2 * c)


def of_many(x, c):
    """With a number beside the value."""

    def item(y):
        slope, most = grad(lambda z: (np.sum(z**3 * c), z[0]), has_aux=True)(y)
        return slope * most

    return np.sum(batch(item)(np.outer(x, c)))


def of_many_by_hand(x, c):
    rows = np.outer(x, c)
    return np.sum(3.0 * rows**2 * c * rows[:, :1])


MADE_INSIDE = [
    (made_of_a_known_function, made_of_a_known_function_by_hand),
    (made_of_a_lambda, made_of_a_lambda_by_hand),
    (matrices, matrices_by_hand),
    (second_order, second_order_by_hand),
    (at_a_point, at_a_point_by_hand),
    (of_many, of_many_by_hand),
]
C = np.array([0.7, -0.4, 1.1])


@pytest.mark.parametrize(("inside", "by_hand"), MADE_INSIDE, ids=lambda f: f.__name__)
def test_derivatives_made_inside(inside: Any, by_hand: Any) -> None:
    np.testing.assert_allclose(inside(X, C), by_hand(X, C))
    found = grad(inside, argnums=(0, 1), jit=False)(X, C)
    expected = grad(by_hand, argnums=(0, 1), jit=False)(X, C)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_derivatives_made_inside_in_compiled_code() -> None:
    def all_of_them(x, c):
        return made_of_a_lambda(x, c) + at_a_point(x, c)

    found = grad(all_of_them, argnums=(0, 1), jit=True)(X, C)
    expected = grad(all_of_them, argnums=(0, 1), jit=False)(X, C)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11)


def test_what_a_nested_function_uses_is_passed_on() -> None:
    def step(x, c):
        return np.sum(x - grad(lambda y: np.sum(y**2 * c))(x))

    g = grad(step, argnums=1, jit=False)
    np.testing.assert_allclose(g(X, C), -2.0 * X)
    assert "def step_inner_grad_backward(d_out, y)" in g.source, g.source


def test_a_method_and_options_that_count_parameters() -> None:
    class Well:
        depth = 1.5

        def energy(self, x, k):
            return np.sum(x**4) * self.depth * k

        def step(self, x, k):
            by_x, by_k = grad(self.energy, argnums=(0, -1))(x, k)
            return x - 0.1 * by_x * by_k

    well = Well()
    check_grads(lambda x, k: np.sum(well.step(x, k)), X, 0.8)


slope_maker = grad


def test_what_makes_derivatives_may_change(monkeypatch: pytest.MonkeyPatch) -> None:
    def along(x):
        return np.sum(slope_maker(np_cubes)(x))

    monkeypatch.setitem(globals(), "slope_maker", srcdiff.elementwise_grad)
    g = grad(along, jit=False)
    np.testing.assert_allclose(g(X), 6.0 * X)
    monkeypatch.setitem(globals(), "np_cubes", lambda x: x**4)
    np.testing.assert_allclose(g(X), 12.0 * X**2)


def by_position(x, y):
    return grad(lambda u, w: u * w**2, 1)(x, y) + np.sum(elementwise_grad(np.tanh)(x * y))


def named_like_directions(x, y):
    """Parameters have the names that derivatives call what is given behind them."""
    _, back = vjp(lambda d_value, v: d_value * v**2, x, y)
    moved = jvp(lambda x_dot, x: x_dot * x**2, (x, y), (y, x))[1]
    turned = hvp(lambda v_0, v_1: v_0**2 * v_1**2, argnums=(0, 1))(x, y, (x, y))
    return back(y)[1] + moved + turned[0] + hvp(lambda u, v: u * v**2, 1)(x, y, y)


@pytest.mark.parametrize("f", [by_position, named_like_directions])
@pytest.mark.parametrize("jit", [False, True])
def test_what_is_given_by_position_and_behind_goes_to_its_place(f, jit) -> None:
    value, found = value_and_grad(f, argnums=(0, 1), jit=jit)(0.8, 1.3)
    assert value == pytest.approx(f(0.8, 1.3))
    slopes = [finite_difference_grad(f, (0.8, 1.3), k) for k in (0, 1)]
    np.testing.assert_allclose(found, slopes, rtol=1e-6)


def test_derivatives_that_cannot_be_made_inside() -> None:
    with pytest.raises(UnsupportedError, match="cannot be called inside") as found:
        grad(lambda x: srcdiff.make_vjp(item)(x, x)[1], jit=False)(X)
    assert "Make the derivative outside" in found.value.advice
    with pytest.raises(UnsupportedError, match="returns an array"):
        grad(lambda x: np.sum(grad(np_cubes)(x)), jit=False)(X)
    with pytest.raises(UnsupportedError, match="no option 'holomorphic'"):
        grad(lambda x: np.sum(grad(barrier, holomorphic=True)(x, x)), jit=False)(X)
    with pytest.raises(UnsupportedError, match="parameters are not known"):
        grad(lambda x: np.sum(grad(lambda *y: np.sum(y[0] * x))(x)), jit=False)(X)
    with pytest.raises(UnsupportedError, match="misses the argument `k`"):
        grad(lambda x: np.sum(grad(lambda y, k: np.sum(y * x) * k)(x)), jit=False)(X)
    with pytest.raises(UnsupportedError, match="two tuples"):
        grad(lambda x: np.sum(srcdiff.jvp(np_cubes, x, x)[1]), jit=False)(X)
    with pytest.raises(UnsupportedError, match="takes a function and, by position, argnums"):
        grad(lambda x: np.sum(grad(barrier, 0, 1)(x, x)), jit=False)(X)
    with pytest.raises(UnsupportedError, match="by position and by name"):
        grad(lambda x: np.sum(grad(barrier, 0, argnums=1)(x, x)), jit=False)(X)


def _scaled_by(a, shift=None):
    return lambda z: a * z if shift is None else a * z + shift


def _with_default(w):
    return lambda z, s=w: s * z * w


def _calling_itself(k):
    def product(z, n):
        return k * z if n == 0 else z * product(z, n - 1)

    return product


def two_of_one_kind(p, q):
    """Names that mean two things: `a`, `w`, `product`, `k`."""
    f, g = _scaled_by(p), _scaled_by(q**2, p)
    w = p * q
    u, v = _with_default(p), _with_default(3.0 * q)
    a, b = _calling_itself(p), _calling_itself(q)
    return srcdiff.grad(lambda z: f(z) * g(z) + u(z) * v(z) * w + a(z, 1) * b(z, 2))(p)


def two_of_one_kind_by_hand(p, q):
    z = p
    first = 2.0 * p * q**2 * z + p * p
    second = 2.0 * (p * p) * (9.0 * q * q) * z * (p * q)
    third = 5.0 * p * q * z**4
    return first + second + third


def three_deep(p, q):
    slope = srcdiff.grad(lambda z: np.sin(z * q) * z**2)
    square = srcdiff.grad(lambda z: slope(z) ** 2)
    return srcdiff.grad(lambda z: square(z) * q)(p)


def three_deep_by_hand(p, q):
    s, c = np.sin(p * q), np.cos(p * q)
    f1 = 2 * p * s + q * p**2 * c
    f2 = 2 * s + 4 * p * q * c - q**2 * p**2 * s
    f3 = 6 * q * c - 6 * q**2 * p * s - q**3 * p**2 * c
    return 2.0 * q * (f2**2 + f1 * f3)


def handed_out(p, q):
    def slope_of_power(k):
        w = p * k
        return srcdiff.grad(lambda z: w * z**2)

    _, back = srcdiff.vjp(lambda z: z**3 * p, q)
    both = {"two": slope_of_power(2), "three": slope_of_power(3)}
    return both["two"](q) * both["three"](q) + srcdiff.grad(lambda z: back(z)[0] * z)(q)


def handed_out_by_hand(p, q):
    return 4.0 * p * q * 6.0 * p * q + 2.0 * q * 3.0 * q**2 * p


def root_of_two_of_one_kind(p, q):
    f, g = _scaled_by(p), _scaled_by(q, p)
    return scipy.optimize.brentq(lambda z: f(z) + g(z) - 2.0, -9.0, 9.0)


def root_of_two_of_one_kind_by_hand(p, q):
    return (2.0 - p) / (p + q)


ONE_NAME = [
    (two_of_one_kind, two_of_one_kind_by_hand),
    (three_deep, three_deep_by_hand),
    (handed_out, handed_out_by_hand),
    (root_of_two_of_one_kind, root_of_two_of_one_kind_by_hand),
]


@pytest.mark.parametrize(("inside", "by_hand"), ONE_NAME, ids=lambda f: f.__name__)
def test_functions_that_call_different_values_by_one_name(inside: Any, by_hand: Any) -> None:
    args = 1.2, 0.7
    for _ in range(2):
        found = srcdiff.value_and_grad(inside, argnums=(0, 1), jit=False)(*args)
        expected = srcdiff.value_and_grad(by_hand, argnums=(0, 1), jit=False)(*args)
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-10)
        np.testing.assert_allclose(found[1], expected[1], rtol=1e-9)
        inside = srcdiff.grad(inside, argnums=1, jit=False)
        by_hand = srcdiff.grad(by_hand, argnums=1, jit=False)


def of_what_is_positive(t, y):
    if t < 0.0:
        raise ValueError("t is negative")
    return np.sum(np.sin(t * y))


slope = grad(of_what_is_positive)


def slopes(t, y, n):
    total = t * t
    for k in range(n):
        total += slope(t - k, y)
    return total


@pytest.mark.parametrize("jit", [False, True])
def test_a_derivative_inside_may_raise_where_it_is_called(jit: bool) -> None:
    g = grad(slopes, jit=jit)
    by_hand = 2.0 * 5.0 - sum(np.sum(X**2 * np.sin((5.0 - k) * X)) for k in range(3))
    assert g(5.0, X, 3) == pytest.approx(by_hand, rel=1e-12)
    with pytest.raises(ValueError, match="t is negative"):
        g(1.0, X, 3)
    assert g(-1.0, X, 0) == -2.0
