"""The benchmarks' problems at small sizes: hand-written gradients against differences, srcdiff's against those."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hand_written import by_hand, interpreted

import srcdiff
from benchmarks import table, timing, vm
from benchmarks.columns import ALL, problem_named, titles
from benchmarks.peers import as_tuple, rebound

SPECIAL = ("ba", "kmeans", "hand")  # whose result is no gradient of a value
SCALAR = [name for name in ALL if name not in SPECIAL]


def forms(name: str) -> list[str]:
    return [form for form in ("objective", "loops") if hasattr(problem_named(name), form)]


EVERY = [(name, form) for name in ALL for form in forms(name)]


def directional(name: str, args: tuple[Any, ...], directions: list[Any]) -> Any:
    """By central differences of the source that stands first."""
    problem = problem_named(name)

    def at(h: float) -> Any:
        moved = list(args)
        for k, d in zip(as_tuple(problem.WRT), directions, strict=True):
            moved[k] = args[k] + h * d
        return getattr(problem, forms(name)[0])(*moved)

    return (at(1e-5) - at(-1e-5)) / 2e-5


def random_directions(name: str, args: tuple[Any, ...]) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=np.shape(args[k])) for k in as_tuple(problem_named(name).WRT)]


HANDS = [(name, title) for name in SCALAR for source, title in titles(name, []) if source == "hand"]


@pytest.mark.parametrize(("name", "title"), HANDS)
def test_hand_written_gradients_agree_with_finite_differences(name: str, title: str) -> None:
    args, value, gradient = by_hand(name, title)
    parts = gradient if isinstance(gradient, tuple) else (gradient,)
    directions = random_directions(name, args)
    found = sum(float(np.sum(g * d)) for g, d in zip(parts, directions, strict=True))
    assert found == pytest.approx(directional(name, args, directions), rel=1e-6, abs=1e-8)
    assert value == pytest.approx(interpreted(problem_named(name).hand_value)(*args), rel=1e-12)


def test_the_blocks_of_bundle_adjustment_agree_with_finite_differences() -> None:
    args, errors, blocks = by_hand("ba")
    directions = random_directions("ba", args)
    found = np.einsum("pkj,pj->pk", blocks, np.column_stack(directions))
    np.testing.assert_allclose(found, directional("ba", args, directions), rtol=1e-6, atol=1e-3)
    np.testing.assert_allclose(errors, interpreted(problem_named("ba").hand_value)(*args))


def test_the_direction_of_kmeans_is_the_gradient_over_the_diagonal_of_the_hessian() -> None:
    (points, centroids), _, found = by_hand("kmeans")
    objective, step = problem_named("kmeans").objective, 1e-3
    for j, l in np.ndindex(*centroids.shape):
        move = np.zeros_like(centroids)
        move[j, l] = step
        low, middle, high = (objective(points, centroids + k * move) for k in (-1, 0, 1))
        slope, curvature = (high - low) / (2 * step), (high - 2 * middle + low) / step**2
        assert found[j, l] == pytest.approx(slope / curvature, rel=1e-5, abs=1e-8)


def test_the_jacobian_of_the_hand_agrees_with_finite_differences() -> None:
    (theta, us, *rest), _, found = by_hand("hand")
    objective, step = problem_named("hand").objective, 1e-6
    rng = np.random.default_rng(0)
    d_theta, d_us = rng.normal(size=26), rng.normal(size=us.shape)
    high = objective(theta + step * d_theta, us + step * d_us, *rest)
    low = objective(theta - step * d_theta, us - step * d_us, *rest)
    along = found[:, 2:] @ d_theta + np.sum(found[:, :2] * np.repeat(d_us, 3, axis=0), axis=1)
    np.testing.assert_allclose(along, (high - low) / (2 * step), atol=1e-7)


@pytest.mark.parametrize("modes", ["rr", "rf", "fr", "ff"])
@pytest.mark.parametrize("name", ["particle", "saddle"])
def test_nested_derivatives_in_each_pair_of_modes(name: str, modes: str) -> None:
    problem = problem_named(name)
    args, value, expected = by_hand(name)
    found = problem.srcdiff_gradient(srcdiff, problem.objective, modes, jit=False)(*args)
    assert timing.difference(found, (value, expected)) < 1e-10


@pytest.mark.parametrize(("name", "form"), EVERY)
def test_every_source_has_the_hand_written_value(name: str, form: str) -> None:
    args = by_hand(name)[0]
    value = interpreted(problem_named(name).hand_value)(*args)
    np.testing.assert_allclose(getattr(problem_named(name), form)(*args), value, rtol=1e-9)


@pytest.mark.parametrize(("name", "form"), EVERY)
def test_srcdiff_agrees_with_the_hand_written_gradients(name: str, form: str) -> None:
    problem = problem_named(name)
    args, _, expected = by_hand(name)
    function = getattr(problem, form)
    if hasattr(problem, "srcdiff_gradient"):
        gradient = problem.srcdiff_gradient(srcdiff, function)
    else:
        gradient = srcdiff.value_and_grad(function, argnums=problem.WRT)
    assert timing.difference(gradient(*args)[1], expected) < 1e-9


@pytest.mark.parametrize("name", ["heat", "rosenbrock"])
def test_compiled_hand_written_gradients_are_those_of_their_text(name: str) -> None:
    args, value, gradient = by_hand(name)
    found = problem_named(name).hand(*args)
    assert timing.difference(found, (value, gradient)) < 1e-12


FUNCTIONS = {
    "exp": (vm.exp, np.exp, (-700.0, 700.0)),
    "log": (vm.log, np.log, (1e-300, 1e3)),
    "tanh": (vm.tanh, np.tanh, (-3.0, 3.0)),
    "sigmoid": (vm.sigmoid, lambda x: 1.0 / (1.0 + np.exp(-x)), (-30.0, 30.0)),
    "sin": (lambda x: vm.sin_cos(x)[0], np.sin, (-50.0, 50.0)),
    "cos": (lambda x: vm.sin_cos(x)[1], np.cos, (-50.0, 50.0)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_vectorisable_functions_are_accurate(name: str) -> None:
    function, expected, bounds = FUNCTIONS[name]
    xs = np.random.default_rng(1).uniform(*bounds, size=2000)
    np.testing.assert_allclose([function(x) for x in xs], expected(xs), rtol=1e-15, atol=1e-16)


def test_the_logarithm_of_zero_and_what_is_below_the_range_of_exp() -> None:
    assert vm.log(0.0) == -np.inf
    assert vm.exp(-np.inf) == 0.0
    assert vm.exp(0.0) == 1.0


def test_slow_columns_leave_when_their_budget_is_spent() -> None:
    slow, fast = timing.Timer(lambda: sum(range(200_000))), timing.Timer(lambda: None)
    timing.in_turns([slow, fast], rounds=5, sample_seconds=1e-4, budget=1e-9)
    assert len(slow.samples) == len(fast.samples) == 1


def test_a_gradient_that_is_nan_differs() -> None:
    assert np.isnan(timing.difference((np.array([np.nan, 1.0]),), (np.ones(2),)))
    assert timing.difference([1.0, np.array([2.0, 4.4])], (1.0, np.array([2.0, 4.0]))) > 0.09


def test_rebinding_reaches_helpers() -> None:
    lstm = problem_named("lstm")
    seen = rebound(lstm.objective, np="other").__globals__
    assert seen["sigmoid"].__globals__["np"] == "other"
    assert lstm.objective.__globals__["np"] is np


def test_the_table_says_what_is_measured_and_why_columns_are_empty() -> None:
    row = {
        "problem": "hmm",
        "size": {"K": 4},
        "columns": {
            "hand": {"value": 1e-3, "gradient": 2e-3, "first": 0.5, "peak": 200.0},
            "JAX": {"value": 2e-3, "gradient": 5e-3, "first": 1.5, "peak": 300.0},
            "PyTensor": {"reason": "wrong: differs by nan"},
        },
    }
    assert "| JAX | 2.00 ms | 5.00 ms | 2.5 | 2.50 | 1.50 s | 300 |" in table.detailed(row)
    assert "- PyTensor: wrong: differs by nan" in table.detailed(row)
    assert "| hmm K=4 | 2.00 ms | 2.50 |" in table.summary([row])


def test_a_hand_written_column_that_fails_leaves_no_multiples() -> None:
    measured = {"value": 1e-3, "gradient": 2e-3, "first": 1.0, "peak": 9.0}
    columns = {"hand": {"reason": "over 60 s"}, "JAX": measured}
    row = {"problem": "gmm", "size": {}, "columns": columns}
    assert "| JAX | 1.00 ms | 2.00 ms | 2.0 | nan |" in table.detailed(row)
    assert "| gmm | - | nan |" in table.summary([row])
