"""Subscripts of NumPy numbers, which add axes as those of arrays do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcdiff

NUMBERS: tuple[Callable[[Any], Any], ...] = (np.sum, lambda x: x[1], lambda x: x @ x, np.max)
SUBSCRIPTS: tuple[Callable[[Any], Any], ...] = (
    lambda s: s[None],
    lambda s: s[None, None],
    lambda s: s[np.newaxis, ...],
    lambda s: s[...],
    lambda s: s[()],
)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("subscript", SUBSCRIPTS)
def test_a_numpy_number_takes_subscripts_that_add_axes(
    number: Callable[[Any], Any], subscript: Callable[[Any], Any]
) -> None:
    def f(x):
        return np.sum(subscript(number(x)) ** 2 * np.ones((2, 1)))

    x = np.array([0.5, 2.0, -1.0])
    value, gradient = srcdiff.value_and_grad(f, jit=False)(x)
    assert value == pytest.approx(f(x))
    np.testing.assert_allclose(gradient, srcdiff.jacobian(f, mode="forward", jit=False)(x))
    srcdiff.check_grads(f, x)


@pytest.mark.parametrize("subscript", [lambda s: s[0], lambda s: s[None, 0], lambda s: s[:]])
def test_a_number_has_no_elements(subscript: Callable[[Any], Any]) -> None:
    with pytest.raises(srcdiff.UnsupportedError, match="cannot be subscripted"):
        srcdiff.grad(lambda x: subscript(np.sum(x)), jit=False)(np.ones(3))


@pytest.mark.parametrize("jit", [False, True])
def test_a_part_is_written_without_leading_axes_of_length_one(jit: bool) -> None:
    def f(x: Any) -> Any:
        y = np.zeros((2, 3))
        y[0] = x
        return np.sum(y**2)

    x = np.array([[1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(srcdiff.grad(f, jit=jit)(x), 2.0 * x)
