"""`check_grads` finds wrong derivatives, and passes right ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import srcdiff
from srcdiff.ops.core import registry
from srcdiff.ops.core.type_rules import same_as_first


def wrongly_squared(x):
    return x * x


@pytest.fixture
def _wrong_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a while, the derivative of `wrongly_squared` is declared to be `3 x`."""
    monkeypatch.setattr(registry, "OPERATIONS", dict(registry.OPERATIONS))
    monkeypatch.setattr(registry, "_BY_CALLABLE", dict(registry._BY_CALLABLE))
    monkeypatch.setattr(registry, "_PENDING", dict(registry._PENDING))

    @registry.declare(
        wrongly_squared,
        infer=same_as_first,
        elementwise=True,
        template="({0}) ** 2",
        evaluate=lambda operands, attrs: operands[0] ** 2,
    )
    def wrong_square(x, *, out, d_out):
        d_x = d_out * 3.0 * x  # noqa: F841  (what a rule assigns is its result)


@pytest.mark.usefixtures("_wrong_rule")
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_a_wrong_rule_is_caught(mode: str) -> None:
    def f(x):
        return np.sum(wrongly_squared(x))

    with pytest.raises(
        AssertionError, match=f"{mode} mode: the derivative is .*finite differences give"
    ):
        srcdiff.check_grads(f, np.array([1.0, 2.0]), modes=(mode,))


def test_a_kink_nearby_is_no_mistake() -> None:
    srcdiff.check_grads(
        lambda x: np.sum(np.maximum(x, 0.0) ** 2) + np.sum(np.abs(x)), np.full(5, 3e-4)
    )


@pytest.mark.parametrize("order", [1, 2])
def test_right_derivatives_pass(order: int) -> None:
    def f(p, n):
        return np.sum(np.tanh(p["w"]) ** n) * p["b"]

    srcdiff.check_grads(f, {"w": np.array([0.3, -0.4]), "b": 2.0}, 3, order=order)


@pytest.mark.parametrize(
    "options",
    [
        *(
            {"modes": m}
            for m in ((), "", ["rev"], "sideways", ("reverse", "back"), ["forward", None])
        ),
        *({"order": n} for n in (0, 3, 7, -1, True, None, "1")),
        {"argnums": ()},
    ],
    ids=str,
)
def test_what_would_check_nothing_is_refused(options: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        srcdiff.check_grads(np.sum, np.ones(2), **options)


def test_results_that_are_containers_are_checked() -> None:
    srcdiff.check_grads(lambda x: {"a": np.sin(x), "b": (np.sum(x), 3)}, np.array([1.0, 2.0]))


def test_argnums_choose_what_is_checked() -> None:
    def f(x, y):
        return x * srcdiff.stop_gradient(y)

    srcdiff.check_grads(f, 1.0, 2.0, argnums="x")
    with pytest.raises(AssertionError, match="forward mode"):
        srcdiff.check_grads(f, 1.0, 2.0, argnums=("x", "y"))


def test_a_decorated_function_can_be_checked() -> None:
    @srcdiff.differentiate
    def f(x):
        return np.sum(np.exp(x))

    srcdiff.check_grads(f, np.array([0.1, 0.2]), argnums=0)


def test_arguments_are_left_alone() -> None:
    def f(x):
        x[0] = 2.0 * x[1]
        return np.sum(x**2)

    x = np.array([1.0, 2.0])
    srcdiff.check_grads(f, x)
    np.testing.assert_array_equal(x, [1.0, 2.0])
