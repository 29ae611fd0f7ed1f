"""Outer products that iterations add to a matrix become one matrix product after the loop."""

import numpy as np
import pytest
from fuzz.compare import flat

import srcdiff
from srcdiff.transforms.schedule.gemm import outer_product_to_gemm as pass_

RNG = np.random.default_rng(3)


@pytest.fixture(autouse=True)
def gather_small_ones(monkeypatch):
    monkeypatch.setattr(pass_, "_LEAST", 1)
    monkeypatch.setattr(pass_, "_WORK", 1)
    monkeypatch.setenv("SRCDIFF_CACHE", "off")


def layers(W, V, xs, ys):
    """Rows of an array, and rows that iterations compute; only a part of `V` is read."""
    h, out = np.zeros(len(W)), np.zeros(ys.shape[1])
    loss = 0.0
    for n in range(len(xs)):
        for i in range(len(W)):
            s = 0.0
            for j in range(xs.shape[1]):
                s += W[i, j] * xs[n, j]
            h[i] = np.tanh(s)
        for i in range(ys.shape[1]):
            s = 0.0
            for j in range(len(W)):
                s -= V[j, i] * h[j]
            out[i] = s
        for i in range(ys.shape[1]):
            loss += (out[i] - ys[n, i]) ** 2
    return loss


def recurrent(W, U, xs):
    h, new = np.zeros(len(W)), np.zeros(len(W))
    for t in range(len(xs)):
        for i in range(len(W)):
            s = 0.0
            for j in range(len(W)):
                s += W[i, j] * h[j]
            for j in range(xs.shape[1]):
                s += U[i, j] * xs[t, j] * (1.0 + h[i])
            new[i] = np.sin(s)
        for i in range(len(W)):
            h[i] = new[i]
    return np.sum(h**2)


def added(S, xs, ys):
    """The user's own loop; the factors are expressions, and one element changes in each iteration."""
    A = np.zeros((xs.shape[1], ys.shape[1]))
    total = 0.0
    for t in range(len(xs)):
        for j in range(ys.shape[1]):
            for i in range(xs.shape[1]):
                A[i, j] -= 2.0 * np.exp(xs[t, i]) * (ys[t, j] - 0.5)
        for i in range(xs.shape[1]):
            total += np.sin(xs[t, i])
    return np.sum(S * A) + total


def seen(S, xs, ys):
    """Iterations read the sum."""
    A = np.zeros((xs.shape[1], ys.shape[1]))
    total = 0.0
    for t in range(len(xs)):
        for i in range(xs.shape[1]):
            for j in range(ys.shape[1]):
                A[i, j] += xs[t, i] * ys[t, j]
        total += np.sin(A[0, 1])
    return np.sum(S * A) + total


def triangle(S, xs, ys):
    A = np.zeros((xs.shape[1], ys.shape[1]))
    for t in range(len(xs)):
        for i in range(xs.shape[1]):
            for j in range(i, ys.shape[1]):
                A[i, j] += xs[t, i] * ys[t, j]
    return np.sum(S * A)


def mixed(S, xs, ys):
    """A factor that is another one for each element."""
    A = np.zeros((xs.shape[1], ys.shape[1]))
    for t in range(len(xs)):
        for i in range(xs.shape[1]):
            for j in range(ys.shape[1]):
                A[i, j] += xs[t, i] * ys[t, j] * S[i, j]
    return np.sum(S * A)


def running(S, xs, ys):
    """The inner loop writes the array that it reads: a factor differs between iterations of the outer loop."""
    A, z = np.zeros((xs.shape[1], ys.shape[1])), ys[0].copy()
    for t in range(len(xs)):
        for i in range(xs.shape[1]):
            for j in range(ys.shape[1]):
                A[i, j] += xs[t, i] * z[j]
                z[j] *= 0.9
    return np.sum(S * A)


W, V = RNG.normal(size=(5, 6)), RNG.normal(size=(7, 9))
XS, YS = RNG.normal(size=(8, 6)), RNG.normal(size=(8, 7))
SQUARE, WEIGHTS = RNG.normal(size=(5, 5)), RNG.normal(size=(6, 7))
CASES = [
    (layers, (W, V, XS, YS), (0, 1, 2)),
    (recurrent, (SQUARE, W, XS), (0, 1, 2)),
    (added, [a.astype("f4") for a in (WEIGHTS, XS, YS)], (0, 1)),
    *((f, (WEIGHTS, XS, YS), (0, 1, 2)) for f in (added, seen, running)),
]


@pytest.mark.parametrize(("function", "args", "wrt"), CASES)
def test_gradients_are_those_of_the_arrays(function, args, wrt):
    value, d = srcdiff.value_and_grad(function, argnums=wrt, jit=False)(*args)
    found, d_found = srcdiff.value_and_grad(function, argnums=wrt, jit=True)(*args)
    rtol = 1e-5 if args[0].dtype == "f4" else 1e-12
    assert found == pytest.approx(value, rel=rtol)
    np.testing.assert_allclose(flat(d_found), flat(d), rtol=10 * rtol, atol=10 * rtol)


def test_no_iteration_goes_through_the_matrices():
    text = srcdiff.value_and_grad(layers, argnums=(0, 1)).loop_source_for(W, V, XS, YS)
    assert "d_ss.T @ xs" in text
    assert text.count(".T @ ") == 2
    text = srcdiff.value_and_grad(recurrent, argnums=(0, 1)).loop_source_for(SQUARE, W, XS)
    assert text.count(".T @ ") == 2


def test_sums_of_the_user_are_gathered():
    text = srcdiff.grad(added).loop_source_for(WEIGHTS, XS, YS)
    assert ".T @ " in text


@pytest.mark.parametrize("function", [seen, triangle, mixed, running])
def test_what_is_no_sum_of_products_alone_stays(function):
    text = srcdiff.value_and_grad(function).loop_source_for(WEIGHTS, XS, YS)
    assert ".T @ " not in text


def test_in_the_order_of_the_iterations_nothing_is_gathered():
    text = srcdiff.value_and_grad(layers, fastmath=False).loop_source_for(W, V, XS, YS)
    assert ".T @ " not in text


def test_few_iterations_have_a_form_of_their_own(monkeypatch):
    monkeypatch.undo()
    g = srcdiff.value_and_grad(layers, argnums=(0, 1))
    W, V = RNG.normal(size=(40, 30)), RNG.normal(size=(40, 4))
    many = W, V, RNG.normal(size=(50, 30)), RNG.normal(size=(50, 4))
    few = (W, V, *(a[:2] for a in many[2:]))
    assert "d_ss.T @ xs" in g.loop_source_for(*many)
    assert ".T @ " not in g.loop_source_for(*few)
