"""Shared state of several functions, with Theano's simultaneous updates: rows T9, T10 and the tutorial's training."""

import numpy as np
import pytest

import srcdiff


def test_the_accumulator_returns_the_value_from_before_the_update() -> None:
    state = srcdiff.shared(0)
    accumulator = srcdiff.function(
        lambda inc: state.value, updates={state: lambda inc: state.value + inc}
    )
    assert [accumulator(1), state.get_value()] == [0, 1]
    assert [accumulator(300), state.get_value()] == [1, 301]


def test_updates_that_read_each_other_see_old_values() -> None:
    a, b = srcdiff.shared(1.0), srcdiff.shared(2.0)
    swap = srcdiff.function(
        lambda: (a.value, b.value), updates=[(a, lambda: b.value), (b, lambda: a.value)]
    )
    assert swap() == (1.0, 2.0)
    assert swap() == (2.0, 1.0)
    assert (a.get_value(), b.get_value()) == (1.0, 2.0)


def test_two_functions_see_one_state() -> None:
    state = srcdiff.shared(np.zeros(3))
    add = srcdiff.function(lambda x: None, updates={state: lambda x: state.value + x})
    total = srcdiff.function(lambda: np.sum(state.value))
    add(np.arange(3.0))
    assert total() == 3.0
    state.set_value(np.ones(3))
    add(np.arange(3.0))
    assert total() == 6.0


def test_copies_are_not_aliased_unless_asked() -> None:
    given = np.zeros(2)
    state = srcdiff.shared(given)
    given[0] = 5.0
    state.get_value()[1] = 5.0
    assert state.get_value().tolist() == [0.0, 0.0]
    state.get_value(borrow=True)[1] = 5.0
    assert state.get_value().tolist() == [0.0, 5.0]
    borrowed = srcdiff.shared(given, borrow=True)
    given[1] = 7.0
    assert borrowed.get_value().tolist() == [5.0, 7.0]
    with pytest.raises(ValueError, match="read-only"):
        state.value[0] = 1.0


def test_a_result_does_not_change_with_the_state() -> None:
    state = srcdiff.shared(np.zeros(2))
    f = srcdiff.function(lambda: state.value, updates={state: lambda: state.value + 1.0})
    before = f()
    before[0] = 9.0
    assert state.get_value().tolist() == [1.0, 1.0]


def test_a_failed_call_leaves_all_states() -> None:
    a, w = srcdiff.shared(1.0), srcdiff.shared(np.zeros(2), name="w")
    f = srcdiff.function(lambda: None, updates={a: lambda: 2.0, w: lambda: np.zeros(3)})
    with pytest.raises(ValueError, match=r"'w' has the shape \(2,\); the new value has \(3,\)"):
        f()
    assert a.get_value() == 1.0


def test_what_is_wrong_is_reported_when_the_function_is_made() -> None:
    state = srcdiff.shared(0.0, name="state")
    with pytest.raises(TypeError, match="is not a shared value"):
        srcdiff.function(lambda: None, updates=[(1.0, lambda: 2.0)])
    with pytest.raises(TypeError, match="is a function of the arguments"):
        srcdiff.function(lambda: None, updates={state: 1.0})
    with pytest.raises(ValueError, match="'state' is updated twice"):
        srcdiff.function(lambda: None, updates=[(state, lambda: 1.0), (state, lambda: 2.0)])
    with pytest.raises(TypeError, match="takes 0 arguments"):
        srcdiff.function(lambda x: x, updates={state: lambda: 1.0})
    both = srcdiff.function(lambda: None, updates={(state, srcdiff.shared(1.0)): lambda: 1.0})
    with pytest.raises(ValueError, match="has to return as many"):
        both()


def cost(w, b, x, y):
    logits = x @ w + b
    return np.mean(np.logaddexp(0.0, logits) - y * logits) + 0.01 * np.sum(w**2)


def test_logistic_regression_of_the_tutorial() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 7)), (rng.random(40) < 0.5).astype(float)
    w, b = srcdiff.shared(rng.normal(size=7), "w"), srcdiff.shared(0.0, "b")
    grad = srcdiff.grad(cost, argnums=(0, 1), jit=False)

    def predict(x):
        return 1.0 / (1.0 + np.exp(-(x @ w.value + b.value))) > 0.5

    def descend(x, y):
        gw, gb = grad(w.value, b.value, x, y)
        return w.value - 0.1 * gw, b.value - 0.1 * gb

    train = srcdiff.function(
        lambda x, y: (predict(x), cost(w.value, b.value, x, y)), updates={(w, b): descend}
    )
    start = w.get_value()
    costs = [train(x, y)[1] for _ in range(5)]
    assert np.all(np.diff(costs) < 0)

    by_hand, offset = start, 0.0
    for _ in range(5):
        p = 1.0 / (1.0 + np.exp(-(x @ by_hand + offset)))
        by_hand, offset = (
            by_hand - 0.1 * (x.T @ (p - y) / 40 + 0.02 * by_hand),
            offset - 0.1 * np.mean(p - y),
        )
    np.testing.assert_allclose(w.get_value(), by_hand, rtol=1e-12)
    np.testing.assert_allclose(b.get_value(), offset, rtol=1e-12)


def test_momentum_moves_by_the_old_velocity() -> None:
    def loss(theta):
        return 0.5 * (theta[0] ** 2 + 10.0 * theta[1] ** 2)

    theta, velocity = srcdiff.shared(np.ones(2)), srcdiff.shared(np.zeros(2))
    grad = srcdiff.grad(loss, jit=False)
    train = srcdiff.function(
        lambda: loss(theta.value),
        updates={
            theta: lambda: theta.value - 0.1 * velocity.value,
            velocity: lambda: 0.5 * velocity.value + 0.5 * grad(theta.value),
        },
    )
    train()
    assert theta.get_value().tolist() == [1.0, 1.0]
    for _ in range(9):
        train()
    np.testing.assert_allclose(theta.get_value(), [0.3587262499999999, 0.892578125], rtol=1e-13)
