"""Induction variables: the mirror loop counts them again, forwards or backwards, and none is stored."""

import numpy as np
import pytest
from loop_forms import as_python, loop_form

import srcdiff

W = np.linspace(0.3, 1.4, 40)
X = np.array([0.5, -0.2, 0.9, 0.4])


def triangle(w, x):
    d = len(x)
    y = x.copy()
    at = 0
    for j in range(d):
        for i in range(j + 1, d):
            y[i] += w[at] * np.sin(x[j])
            at += 1
    return np.sum(y**2)


def triangles(w, x):
    """One after the other, in an iteration that stores residuals."""
    total = 0.0
    y = np.empty(len(x))
    for p in range(3):
        for i in range(len(x)):
            y[i] = np.exp(0.1 * p * x[i])
        at = 0
        for j in range(len(x)):
            for i in range(j + 1, len(x)):
                y[i] += w[at] * x[j]
                at += 1
        for i in range(len(x)):
            total += np.sin(y[i])
    return total


def recurrence(w, x):
    h = x[0]
    at = 1
    for _ in range(4):
        for i in range(3):
            h = np.tanh(w[at] * h + x[i])
            at += 2
        at += 1
    return h


def in_front_and_behind(w, x):
    h = x[0]
    at = 30
    for t in range(3):
        h = h * w[at]
        at = at - 1
        for i in range(3):
            h = np.tanh(w[at] * h + x[i])
            at -= 2
        h = np.sin(h * w[at])
        at = at - t
    return h


def two_counters(w, x):
    """One that starts where only the run knows, and one in order."""
    h = x[0]
    first = int(x[1] * 0.0) + 2
    second = 0
    for t in range(4):
        h = np.tanh(w[first] * h + w[second])
        first += 3
        second += t
    return h


def started_in_iterations(w, x):
    h = x[0]
    for t in range(3):
        at = t
        for i in range(4):
            h = np.tanh(w[at] * h + x[i])
            at += 3
    return h


def on_through_iterations(w, x):
    """Counted on by loops in loops of an outer sequence."""
    total = 0.0
    at = 0
    for p in range(3):
        h = x[p]
        for _ in range(3):
            h = np.tanh(w[at] * h)
            at += 1
        total += h * w[at]
        at += 1
    return total


def no_iterations(w, x):
    h = x[0]
    at = 5
    for t in range(3):
        for i in range(t, 1):
            h = np.tanh(w[at] * h + x[i])
            at += 2
    return h * w[at]


def with_steps(w, x):
    h = x[0]
    at = 0
    for t in range(10, 0, -3):
        h = np.tanh(w[at] * h * t)
        at += t
    return h


COUNTED = [
    triangle, triangles, recurrence, two_counters, on_through_iterations, no_iterations, with_steps,
]  # fmt: skip


def by_condition(w, x):
    h = x[0]
    at = 0
    for i in range(len(x)):
        if x[i] > 0.0:
            h = np.tanh(w[at] * h + x[i])
            at += 1
    return h


def doubled(w, x):
    h = x[0]
    at = 1
    for i in range(len(x)):
        h = np.tanh(w[at] * h + x[i])
        at = 2 * at
    return h


def left_early(w, x):
    h = x[0]
    at = 0
    for i in range(len(x)):
        h = np.tanh(w[at] * h + x[i])
        at += 2
        if h < -0.5:
            break
    return h


def until(w, x):
    h = x[0]
    at = 0
    while at < 9:
        h = np.tanh(w[at] * h + x[0])
        at += 2
    return h


ALL = [
    *COUNTED,
    started_in_iterations,
    in_front_and_behind,
    by_condition,
    doubled,
    left_early,
    until,
]


def differences(f, *args, h=1e-6):
    out = []
    for k, a in enumerate(args):
        shifted = (
            [*args[:k], a + h * s * u, *args[k + 1 :]] for u in np.eye(len(a)) for s in (1, -1)
        )
        values = np.array([f(*s) for s in shifted]).reshape(-1, 2)
        out.append((values[:, 0] - values[:, 1]) / (2 * h))
    return out


@pytest.mark.parametrize("residuals", ["auto", "store", "recompute"])
@pytest.mark.parametrize("f", ALL, ids=lambda f: f.__name__)
def test_gradients_are_right(f, residuals):
    g = srcdiff.grad(f, argnums=(0, 1), residuals=residuals)
    for found, expected in zip(g(W, X), differences(f, W, X), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("f", ALL, ids=lambda f: f.__name__)
def test_loop_forms_are_right(f):
    g = srcdiff.grad(f, argnums=(0, 1))
    run = as_python(loop_form(g, (W, X)))
    for found, expected in zip(run(W, X), differences(f, W, X), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("f", COUNTED, ids=lambda f: f.__name__)
def test_no_integers_are_kept(f):
    g = srcdiff.grad(f, argnums=(0, 1))
    for text in (g.source_for(W, X), g.loop_source_for(W, X)):
        assert "int64" not in text


def test_a_count_that_restarts_in_each_outer_iteration_is_stored_once():
    assert "np.empty(3, dtype=np.int64)" in srcdiff.grad(started_in_iterations).source_for(W, X)


def test_iterations_that_commute_count_as_the_loop_does():
    source = srcdiff.grad(triangle, argnums=(0, 1)).source_for(W, X)
    assert (
        """
    at = 0
    for j in range(d):
        for i in range(j + 1, d):
            d_x[j] += d_y[i] * w[at] * np.cos(x[j])
            d_w[at] += d_y[i] * np.sin(x[j])
            at += 1
"""
        in source
    )


def test_others_count_back():
    source = srcdiff.grad(recurrence, argnums=(0, 1)).source_for(W, X)
    assert (
        """
    for t in reversed(range(4)):
        at -= 1
        for i in reversed(range(3)):
            at -= 2
            d_z = d_h * (1.0 - hs[t, i + 1] ** 2)
"""
        in source
    )


@pytest.mark.parametrize(
    "f", [triangle, recurrence, on_through_iterations], ids=lambda f: f.__name__
)
def test_second_derivatives_are_right(f):
    v = np.array([0.3, -0.2, 0.9, 0.1])
    g = srcdiff.grad(f, argnums=1)
    (slope,) = differences(lambda t: v @ g(W, X + t[0] * v), np.zeros(1))
    np.testing.assert_allclose(v @ srcdiff.hvp(f, argnums=1)(W, X, v), slope[0], rtol=1e-6)
