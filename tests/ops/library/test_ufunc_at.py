"""`ufunc.at` with indices that are arguments: a list names the same elements as an array of its items."""

import numpy as np
import pytest

import srcdiff

X, Y = np.array([0.7, 0.9, 0.4]), np.array([1.3, 0.6, 1.1])


def multiplied(x, y, places):
    z = x.copy()
    np.multiply.at(z, places, y)
    return np.sum(z**2 * y)


def divided(x, y, places):
    z = x.copy()
    np.divide.at(z, places, y)
    return np.sum(z**2 * y)


def added(x, y, places):
    z = x.copy()
    np.add.at(z, places, y)
    return np.sum(z**2 * y)


def through_sinh(x, y, places):
    z = x.copy()
    np.sinh.at(z, places)
    return np.sum(z**2 * y)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("f", [multiplied, divided, added, through_sinh], ids=lambda f: f.__name__)
def test_a_list_and_an_array_of_indices_mean_the_same(f, jit) -> None:
    g = srcdiff.value_and_grad(f, argnums=(0, 1), jit=jit)
    for places in ([0, 0, 2], np.array([0, 0, 2]), [1, 2, 0]):
        value, found = g(X, Y, places)
        assert value == pytest.approx(f(X, Y, places), rel=1e-12)
        steps = 1e-6 * np.eye(3)
        by_x = [(f(X + s, Y, places) - f(X - s, Y, places)) / 2e-6 for s in steps]
        by_y = [(f(X, Y + s, places) - f(X, Y - s, places)) / 2e-6 for s in steps]
        np.testing.assert_allclose(found, [by_x, by_y], rtol=1e-6, atol=1e-8)
