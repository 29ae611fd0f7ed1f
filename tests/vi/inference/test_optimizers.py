"""Optimisers against the reference trajectories, and what each of them promises."""

import warnings
from typing import NamedTuple

import numpy as np
import pytest

from benchmarks.optimisers import OPTIMISERS, PROBLEMS, progress
from srcdiff.vi import optim

CURVATURE = np.array([1.0, 10.0])
EVERY = [
    optim.SGD(0.05),
    optim.RobbinsMonro(0.1, power=0.7),
    optim.Momentum(0.05),
    optim.Momentum(0.05, simultaneous=False),
    optim.AdaGrad(),
    optim.AdaDelta(),
    optim.RMSProp(0.01),
    optim.RMSProp(0.01, growth=0.05),
    optim.Adam(),
]


def trajectory(optimizer, steps=10):
    theta = np.ones(2)
    state = optimizer.init(theta)
    found = []
    for _ in range(steps):
        theta, state = optimizer.step(theta, CURVATURE * theta, state)
        found.append(theta)
    return np.array(found)


def test_theano_momentum() -> None:
    found = trajectory(optim.Momentum(0.1, momentum=0.5))
    assert found[0].tolist() == [1.0, 1.0]  # the velocity began at 0
    np.testing.assert_allclose(found[3], [0.79, -0.875], rtol=1e-13)
    np.testing.assert_allclose(found[-1], [0.3587262499999999, 0.892578125], rtol=1e-13)


def test_rmsprop_with_the_sign_rule() -> None:
    found = trajectory(optim.RMSProp(0.05, decay=0.9, growth=0.1))
    np.testing.assert_allclose(found[0], [0.841886116991581] * 2, rtol=1e-13)
    np.testing.assert_allclose(found[1], [0.7264428107250636] * 2, rtol=1e-13)
    np.testing.assert_allclose(found[-1], [0.12882956115090205] * 2, rtol=1e-12)


def test_rates_grow_for_each_coordinate_and_before_the_step() -> None:
    optimizer = optim.RMSProp(1.0, decay=0.0, growth=0.5)  # steps are rate * growth * sign
    theta = np.zeros(2)
    state = optimizer.init(theta)
    for grads in ([1.0, 1.0], [1.0, -1.0], [1.0, -1.0]):
        theta, state = optimizer.step(theta, np.array(grads), state)
    np.testing.assert_allclose(theta, [-1.0 - 1.5 - 2.25, -1.0 + 1.0 + 1.5], rtol=1e-14)


def test_rmsprop_stays_where_there_was_no_gradient_yet() -> None:
    optimizer = optim.RMSProp()
    theta, _ = optimizer.step(np.ones(2), np.array([0.0, 1.0]), optimizer.init(np.ones(2)))
    assert theta[0] == 1.0
    assert theta[1] < 1.0


def test_adagrad() -> None:
    found = trajectory(optim.AdaGrad(0.1))
    np.testing.assert_allclose(found[0], [0.900000001, 0.9000000001], rtol=1e-13)
    np.testing.assert_allclose(found[-1], [0.5537312028492143, 0.5537312006024138], rtol=1e-13)


def test_adadelta() -> None:
    found = trajectory(optim.AdaDelta())
    np.testing.assert_allclose(found[0], [0.9955279087656892, 0.995527864492214], rtol=1e-13)
    np.testing.assert_allclose(found[-1], [0.9545213298939232, 0.9545208740282569], rtol=1e-13)


def test_adam_as_it_is_printed_in_the_paper() -> None:
    found = trajectory(optim.Adam(0.1))
    theta, mean, square = np.ones(2), np.zeros(2), np.zeros(2)
    for t in range(1, 11):
        g = CURVATURE * theta
        mean, square = 0.9 * mean + 0.1 * g, 0.999 * square + 0.001 * g**2
        theta = theta - 0.1 * (mean / (1 - 0.9**t)) / (np.sqrt(square / (1 - 0.999**t)) + 1e-8)
        np.testing.assert_allclose(found[t - 1], theta, rtol=1e-12)


def test_rate_one_over_t_gives_the_running_mean() -> None:
    x = np.random.default_rng(0).normal(size=50)
    for optimizer in (optim.RobbinsMonro(1.0, 1.0), optim.SGD(lambda t: 1.0 / t)):
        theta, state = 0.3, optimizer.init(0.3)
        for n, x_n in enumerate(x, 1):
            theta, state = optimizer.step(theta, theta - x_n, state)
            np.testing.assert_allclose(theta, np.mean(x[:n]), rtol=1e-12)


def test_schedules_that_break_the_conditions() -> None:
    for power in (0.5, 1.1):
        with pytest.raises(ValueError, match=r"outside \(1/2, 1\]"):
            optim.RobbinsMonro(power=power)
    with pytest.warns(UserWarning, match=r"t\*\*-2, so fast that their sum is finite"):
        optim.SGD(lambda t: t**-2.0)
    with pytest.warns(UserWarning, match=r"t\*\*-0.5, so slowly"):
        optim.SGD(lambda t: t**-0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optim.SGD(lambda t: 1.0 / (10.0 + t))
        optim.SGD(lambda t: t**-0.6)


class Params(NamedTuple):
    loc: np.ndarray
    inner: dict


@pytest.mark.parametrize("optimizer", EVERY, ids=lambda o: type(o).__name__)
def test_steps_over_named_tuples_write_nothing(optimizer) -> None:
    params = Params(np.ones(3), {"W": np.ones((2, 2)), "b": 1.0})
    grads = Params(np.arange(3.0), {"W": np.ones((2, 2)), "b": -1.0})
    state = optimizer.init(params)
    new, later = optimizer.step(params, grads, state)
    again, _ = optimizer.step(params, grads, state)
    assert type(new) is Params
    assert type(later) is type(state)
    assert params.loc.tolist() == [1.0, 1.0, 1.0]
    assert np.shape(new.inner["b"]) == ()
    for a, b in zip(new, again, strict=True):
        np.testing.assert_equal(a, b)


@pytest.mark.parametrize("optimizer", EVERY, ids=lambda o: type(o).__name__)
def test_up_is_the_mirror_of_down(optimizer) -> None:
    upwards = type(optimizer)(**{**vars(optimizer), "maximize": True})
    theta, g = np.array([1.0, -2.0]), np.array([0.3, 0.4])
    state, state_up = optimizer.init(theta), upwards.init(theta)
    theta_up = theta
    for _ in range(3):
        theta, state = optimizer.step(theta, g, state)
        theta_up, state_up = upwards.step(theta_up, -g, state_up)
    np.testing.assert_array_equal(theta, theta_up)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_no_default_diverges_on_any_of_ten_problems(name) -> None:
    """The table of `benchmarks/optimisers.py`, which compares them."""
    assert type(OPTIMISERS[name])() == OPTIMISERS[name]  # as they come
    for problem in PROBLEMS:
        assert progress(problem, OPTIMISERS[name], steps=1000) > 0.5, problem.name


@pytest.mark.parametrize("optimizer", EVERY, ids=lambda o: type(o).__name__)
def test_no_default_diverges_on_noisy_problems(optimizer) -> None:
    rng = np.random.default_rng(1)
    for curvature, noise in ((np.array([1.0, 1.0]), 1.0), (np.array([0.1, 10.0]), 0.3)):
        theta = np.ones(2)
        state = optimizer.init(theta)
        for _ in range(2000):
            theta, state = optimizer.step(
                theta, curvature * theta + noise * rng.normal(size=2), state
            )
        growing = getattr(optimizer, "growth", 0.0)
        assert growing or np.all(np.abs(theta) < 1.1)
        assert np.all(np.isfinite(theta))


def test_lbfgs_minimises_a_structure() -> None:
    def value_and_grad(p):
        d = p.loc - np.arange(3.0)
        w = p.inner["W"] + 1.0
        return np.sum(d**2) + np.sum(w**4), Params(2 * d, {"W": 4 * w**3, "b": 0.0})

    start = Params(np.ones(3), {"W": np.zeros((2, 2)), "b": 1.0})
    found = optim.LBFGS(gtol=1e-10).minimize(value_and_grad, start, steps=200)
    np.testing.assert_allclose(found.x.loc, np.arange(3.0), atol=1e-8)
    np.testing.assert_allclose(found.x.inner["W"], -np.ones((2, 2)), atol=1e-2)
    assert found.x.inner["b"] == 1.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.SGD(-1.0), "rate=-1.0: it has to be positive"),
        (lambda: optim.Adam(b1=1.0), r"b1=1.0: it has to be in \[0, 1\)"),
        (lambda: optim.AdaGrad(damping=0.0), "damping=0.0"),
        (lambda: optim.RMSProp(growth=-0.1), "cannot be negative"),
        (lambda: optim.LBFGS(draws=0), "at least one"),
        (lambda: optim.RobbinsMonro(delay=-1.0), "negative"),
    ],
)
def test_settings_that_make_no_sense(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()
