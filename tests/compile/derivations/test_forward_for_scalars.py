"""Forward mode for scalars: compiled gradients of one or two numbers, where reverse mode would store loop values."""

import warnings

import numpy as np
import pytest

import srcdiff


def root(a):
    x = 1.0
    while abs(x * x - a) > 1e-12:
        x = 0.5 * (x + a / x)
    return x


def decay(k, m, y, n):
    for _ in range(n):
        y = y + 0.01 * np.sin(k * y) - 0.001 * m * y**2
    return np.sum(y**2)


def helper(x, c):
    y = x
    while y > 1.0:
        y = 0.7 * y - 0.01 * c * y**2
    return y


def helped(a, b):
    return helper(a, b) * helper(b + 5.0, a)


def collected(a, b):
    found = []
    x = a
    while x < 50.0:
        x = x * 1.3 + b * np.sin(x)
        found.append(x * b)
    return sum(found)


PROGRAMS = [
    (root, (2.0,), 0),
    (decay, (0.7, 0.3, np.linspace(1.0, 2.0, 7), 50), 0),
    (decay, (0.7, 0.3, np.linspace(1.0, 2.0, 7), 50), (1, 0)),
    (helped, (9.0, 3.0), (0, 1)),
    (collected, (2.0, 1.0), (1, 0)),
]


def is_tangent(g):
    return "backward" not in g.loop_source and "_dot" in g.loop_source


@pytest.mark.parametrize(("f", "args", "argnums"), PROGRAMS)
def test_tangents_are_what_reverse_mode_gives(f, args, argnums):
    both = srcdiff.value_and_grad(f, argnums=argnums, jit=True)
    value, found = both(*args)
    assert is_tangent(both)
    value_in_numpy, expected = srcdiff.value_and_grad(f, argnums=argnums, jit=False)(*args)
    np.testing.assert_allclose(value, value_in_numpy, rtol=1e-13)
    np.testing.assert_allclose(found, expected, rtol=1e-11)
    assert type(found) is type(expected) or argnums == 0
    alone = srcdiff.grad(f, argnums=argnums, jit=True)(*args)
    np.testing.assert_allclose(alone, expected, rtol=1e-11)
    srcdiff.check_grads(f, *args)


@pytest.mark.parametrize(
    ("f", "args", "options"),
    [
        (decay, (0.7, 0.3, np.ones(3), 9), {"argnums": (0, 2)}),  # an array
        (decay, (0.7, 0.3, np.ones(3), 9), {"residuals": "store"}),  # which needs storage
        (lambda x, c: c[0] * np.sin(x), (0.7, np.ones(3)), {}),  # nothing is kept
    ],
)
def test_other_gradients_are_those_of_reverse_mode(f, args, options):
    assert "_dot" not in srcdiff.grad(f, **options).loop_source_for(*args)


def test_gradients_of_gradients():
    second = srcdiff.grad(srcdiff.grad(root), jit=True)
    np.testing.assert_allclose(second(2.0), -0.25 * 2.0**-1.5, rtol=1e-10)


def from_zero(w):
    x = 0.0
    for _ in range(10):
        x = x + w + np.sqrt(x)  # of 0 at first, which w has no part in
    return x


def test_where_tangents_are_not_numbers_reverse_mode_is():
    g = srcdiff.grad(from_zero, jit=True)
    expected = srcdiff.grad(from_zero, jit=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the slope in NumPy
        np.testing.assert_allclose([g(0.3), g(0.5)], [expected(0.3), expected(0.5)], rtol=1e-12)
    g(0.3)
    assert not is_tangent(g)
    slope = (from_zero(0.3 + 1e-6) - from_zero(0.3 - 1e-6)) / 2e-6
    np.testing.assert_allclose(g(0.3), slope, rtol=1e-7)


def test_saved_files_are_called_once(tmp_path):
    """Nobody would make the call once more in NumPy."""
    g = srcdiff.grad(from_zero)
    text = g.save(tmp_path / "saved.py", 0.3, form="loops").read_text()
    assert "raise" not in text
    assert "_dot" not in text


def test_adjoint_blocks_are_run():
    def f(w):
        x = 1.0
        for _ in range(3):
            x = np.sin(w * x)
        with srcdiff.adjoint(x) as d_x:
            print(d_x)
        return x**2

    assert "_dot" not in srcdiff.grad(f).loop_source_for(0.3)
