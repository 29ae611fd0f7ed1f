"""Matrix-vector products of all iterations become one matrix product."""

import numpy as np
import pytest
from fuzz.compare import flat

import srcdiff
from srcdiff.transforms.schedule.gemm import gemv_to_gemm as pass_

RNG = np.random.default_rng(3)


@pytest.fixture(autouse=True)
def gather_small_ones(monkeypatch):
    monkeypatch.setattr(pass_, "_LEAST", 1)
    monkeypatch.setenv("SRCDIFF_CACHE", "off")


def recurrent(W, U, b, xs):
    h = np.zeros(len(b))
    loss = 0.0
    for t in range(len(xs)):
        h = np.tanh(W @ h + U @ xs[t] + b)
        loss = loss + np.sum(h**2)
    return loss


def from_the_left(W, xs):
    total = 0.0
    for t in range(len(xs)):
        y = xs[t] @ W
        total += np.sum(y * np.sin(y))
    return total


def filtered(A, xs):
    """The state depends on the product of its own row: no row is available before its iteration."""
    state = xs[0].copy()
    rows = xs.copy()
    total = 0.0
    for t in range(len(xs)):
        state = np.cos(A @ rows[t]) + state
        rows[t] = state
        total += state @ state
    return total


def read_in_between(W, xs):
    total = 0.0
    for t in range(len(xs)):
        W = W + 0.1 * np.outer(np.sin(xs[t]), xs[t])
        total += np.sum(W @ xs[t])
    return total


def left_early(W, xs):
    total = 0.0
    for t in range(len(xs)):
        y = W @ xs[t]
        if y[0] > 1.0:
            break
        total += np.sum(y**2)
    return total


W, U, XS = RNG.normal(size=(3, 3)), RNG.normal(size=(3, 2)), RNG.normal(size=(5, 3))
CASES = [
    (recurrent, (W, U, RNG.normal(size=3), RNG.normal(size=(4, 2))), (0, 1, 2, 3)),
    (recurrent, (W, U, RNG.normal(size=3), RNG.normal(size=(0, 2))), (0, 1, 2, 3)),
    (from_the_left, (W, XS), (0, 1)),
    (from_the_left, (W, XS[:1]), (0, 1)),
    (from_the_left, (W.astype("f4"), XS.astype("f4")), (0, 1)),
    (filtered, (W, XS), (0, 1)),
    (read_in_between, (W, XS), (0, 1)),
    (left_early, (W, XS), (0, 1)),
]


@pytest.mark.parametrize(("function", "args", "wrt"), CASES)
def test_gradients_are_those_of_the_arrays(function, args, wrt):
    value, d = srcdiff.value_and_grad(function, argnums=wrt, jit=False)(*args)
    found, d_found = srcdiff.value_and_grad(function, argnums=wrt, jit=True)(*args)
    rtol = 1e-5 if args[0].dtype == "f4" else 1e-12
    assert found == pytest.approx(value, rel=rtol)
    np.testing.assert_allclose(flat(d_found), flat(d), rtol=10 * rtol, atol=rtol)


def test_a_recurrent_network_has_its_products_outside_the_loop():
    args = np.zeros((40, 40)), np.zeros((40, 30)), np.zeros(40), np.zeros((50, 30))
    text = srcdiff.value_and_grad(recurrent, argnums=(0, 1, 2)).loop_source_for(*args)
    forward, backward = text.split("# backward")
    assert forward.index("= xs @ U.T") < forward.index("for t in")
    assert ".T @ hs" in backward.rpartition("for t in")[2]


def test_sums_in_the_order_of_the_iterations_are_not_gathered():
    args = np.zeros((40, 40)), np.zeros((40, 30)), np.zeros(40), np.zeros((50, 30))
    text = srcdiff.value_and_grad(recurrent, argnums=(0, 1, 2), fastmath=False).loop_source_for(
        *args
    )
    assert ".T @ hs" not in text


@pytest.mark.parametrize("function", [filtered, read_in_between, left_early])
def test_values_that_iterations_change_are_multiplied_in_their_iteration(function):
    text = srcdiff.value_and_grad(function, argnums=(0, 1)).loop_source_for(W, XS)
    assert "@ rows[t]" in text or "xs @" not in text.split("# backward")[0]


def test_small_products_stay(monkeypatch):
    monkeypatch.undo()
    function, args, wrt = CASES[0]
    text = srcdiff.value_and_grad(function, argnums=wrt).loop_source_for(*args)
    assert "xs @ U.T" not in text
