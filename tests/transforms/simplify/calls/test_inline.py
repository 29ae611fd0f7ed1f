"""Inlining: helpers in the place of their calls."""

import numpy as np
import pytest
from fuzz.compare import flat
from loop_forms import as_python, loop_form

import srcdiff

X = np.linspace(0.5, 1.5, 5)


def slope(x, y):
    return x * np.concatenate((np.ones(1), y[:-1]))


def steps(x, n):
    y = np.zeros(len(x))
    for _ in range(n):
        k = slope(x, y)
        y = y + 0.5 * slope(x, y + 0.1 * k)
    return np.sum(y**2)


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def gates(w, h):
    n = len(h)
    z = w * np.concatenate((h, h))
    a, b = sigmoid(z[:n]), sigmoid(z[n:])
    return a * np.tanh(b), z


def twice(w, h):
    out, z = gates(w, h)
    z[0] = 3.0
    again, _ = gates(w + z, out)
    return np.sum(again) + np.sum(z * w)


def with_own_storage(x):
    def filled(u):
        v = np.zeros(len(u))
        for i in range(len(u)):
            v[i] = u[i] ** 2
        return v

    return np.sum(filled(x) * filled(2.0 * x))


def halves(w, h):
    n = len(h)
    z = w * np.concatenate((h, h))
    return np.tanh(z[:n]) * z[n:]


def in_turns(w, h):
    for _ in range(3):
        h = halves(w, h)
    return np.sum(h)


CASES = [
    (in_turns, (np.tile(X, 2), X), (0, 1)),
    (steps, (X, 3), 0),
    (twice, (np.tile(X, 2), X), (0, 1)),
    (with_own_storage, (X,), 0),
]


@pytest.mark.parametrize(("function", "args", "wrt"), CASES)
def test_gradients_are_those_of_the_arrays(function, args, wrt):
    value, d = srcdiff.value_and_grad(function, argnums=wrt)(*args)
    found, d_found = srcdiff.value_and_grad(function, argnums=wrt, jit=True)(*args)
    assert found == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(flat(d_found), flat(d), rtol=1e-11, atol=1e-12)


def test_small_helpers_are_part_of_their_callers():
    text = srcdiff.value_and_grad(steps).loop_source_for(X, 3)
    assert text.count("def ") == 1
    assert "slope" not in text


def test_a_derivative_is_as_long_as_its_argument_where_slices_do_not_say_it():
    text = srcdiff.grad(in_turns, argnums=(0, 1)).loop_source_for(np.tile(X, 2), X)
    assert "halves_backward" not in text


def scanned(w, h):
    for k in range(len(h)):
        h = np.tanh(w[k] * h + 0.1)
    return h * w


def test_helpers_with_loops_are_part_of_their_callers():
    def function(w, h):
        return np.sum(scanned(w, h) ** 2)

    gradient = srcdiff.value_and_grad(function, argnums=(0, 1), jit=True)
    assert gradient.loop_source_for(X, X + 1.0).count("def ") == 1
    found, d_found = gradient(X, X + 1.0)
    value, d = srcdiff.value_and_grad(function, argnums=(0, 1), jit=False)(X, X + 1.0)
    assert found == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(flat(d_found), flat(d), rtol=1e-11, atol=1e-12)


def moved_on(A, v):
    R = A @ np.ones((4, 4))
    for k in range(1, len(A)):
        R[k] = R[k - 1] @ R[k]
    return R[1] @ v


def test_equal_lengths_in_a_helper_are_reported_as_lengths_of_arguments():
    """A call is compared with them: by a length that no argument has, no later call would be recognised."""
    args = np.ones((2, 4, 4)), np.ones(4)
    g = srcdiff.jacobian(lambda B, u: np.tanh(moved_on(B, u)), argnums=1, mode="forward")
    assumed = loop_form(g, args).lengths.assumed
    lengths = {s for pair in assumed for d in pair for s in d.symbols()}
    assert lengths <= {"B0", "B1", "B2", "u0"}


def moved(x, model):
    scales, (shift, power) = model
    y = np.zeros(len(x))
    for i in range(1, len(x)):
        y[i] = np.tanh(y[i - 1] + scales[i] * x[i] ** power)
    return y + shift


def at_both(both, model):
    return moved(both[1:], model) * both[0]


def test_helpers_are_given_containers_as_the_function_is():
    model = np.linspace(1.0, 2.0, 4), (0.3, 2)
    g = srcdiff.jacobian(at_both, mode="forward")
    text = g.loop_source_for(X, model)
    assert text.count("def ") == 1
    want = srcdiff.jacobian(at_both, mode="reverse", jit=False)(X, model)
    np.testing.assert_allclose(
        as_python(loop_form(g, (X, model)))(X, model), want, rtol=1e-12, atol=1e-14
    )
