"""Nested functions as functions of their own: written once, with what they use around them as parameters."""

import numpy as np
import pytest

import srcdiff
from srcdiff import check_grads

X = np.array([0.4, 0.8, 1.3, 0.6])


def runge_kutta(theta, y, h, n):
    def slope(y):
        return np.array([theta[0] * y[1], theta[1] * np.sin(y[0])])

    for _ in range(n):
        a = slope(y)
        b = slope(y + h / 2 * a)
        y = y + h * slope(y + h * b)
    return np.sum(y**2)


def rebound(x, w):
    scale = 2.0

    def f(v):
        return np.sin(v) * scale + w

    first = f(x[0])
    scale = 3.0 * w
    return first + f(x[1]) * f(x[2])


def writes(x, w):
    made = np.zeros(len(x))

    def put(i, v):
        made[i] = v * w

    put(0, x[1])
    put(1, x[0] ** 2)
    return np.sum(made * x)


def of_nested(x, w):
    def unit(v):
        return v / np.sqrt(np.sum(v**2))

    def both(v, u):
        return unit(v) @ unit(u)

    return both(x, x * w + 1.0) + both(x[:2], x[1:3])


def of_known_kinds(x, w):
    def act(v, kind):
        return np.tanh(v) if kind == "tanh" else np.maximum(v, 0.0)

    return np.sum(act(x, "tanh") * act(x * w, "relu"))


def views(x, w):
    def after(k):
        return x[k:]

    return np.sum(after(1)) * w + np.prod(after(2))


PROGRAMS = [rebound, writes, of_nested, of_known_kinds, views]


def sources(f, *args, argnums=0):
    g = srcdiff.grad(f, argnums=argnums, jit=False)
    g(*args)
    return g.source


@pytest.mark.parametrize("f", PROGRAMS)
def test_the_derivatives_are_those_that_differences_show(f):
    check_grads(f, X, 1.7, order=2)


def test_what_is_called_in_several_places_has_one_adjoint():
    args = np.array([0.8, 0.5]), np.array([1.0, 0.5]), 0.1, 3
    check_grads(runge_kutta, *args)
    source = sources(runge_kutta, *args, argnums=(0, 1))
    assert source.count("def slope(y, theta):") == 1
    assert source.count("def slope_backward") == 1  # the length of `y` is 2 at the first call, too
    assert source.count(" = slope_backward(") == 3


def test_what_is_called_in_one_place_is_read_there():
    def once(x):
        def f(v):
            return np.sin(v) * x[0]

        return np.sum(f(x))

    assert "def f" not in sources(once, X)
