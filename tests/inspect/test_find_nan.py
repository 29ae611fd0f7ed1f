"""`find_nan`: the user's line and variable that the first NaN comes from, in the forward and the backward part."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from srcdiff import batch, differentiate, find_nan, grad, hessian, jacobian, value_and_grad


def line_of(function: Any, text: str) -> int:
    lines, start = inspect.getsourcelines(function)
    return start + next(k for k, line in enumerate(lines) if text in line)


def clipped(x, w):
    p = x * w
    q = np.where(p > 0.0, np.log(p), 0.0)
    return np.sum(np.sqrt(np.abs(q)))


def centred(x):
    y = np.zeros(3)
    for i in range(3):
        y[i] = np.log(x[i] - 1.0)
    return np.sum((y - y[0]) ** 2)


def shares(x):
    e = np.exp(x)
    return e / np.sum(e * x)


def helper(x):
    return np.sqrt(x) * x


@differentiate
def with_helper(x):
    return np.sum(helper(x) + helper(2.0 * x))


def test_a_nan_of_the_backward_part() -> None:
    x, w = np.array([0.5, -1.0]), np.array([2.0, 1.0])
    found = find_nan(grad(clipped), x, w)
    assert found is not None
    assert found.part == "backward part"
    assert found.location is not None
    assert found.location.line == line_of(clipped, "np.sqrt")
    assert "np.sign(q)" in found.operation
    assert "gives NaN in the backward part" in str(found)
    assert "return np.sum(np.sqrt(np.abs(q)))" in str(found)


def test_a_nan_of_the_forward_part_inside_a_loop() -> None:
    found = find_nan(value_and_grad(centred), np.array([2.0, 3.0, 0.5]))
    assert found is not None
    assert found.part == "forward part"
    assert found.operation == "np.log(x[i] - 1.0)"
    assert found.operands == {"x[i] - 1.0": "-0.5"}
    assert found.location is not None
    assert found.location.line == line_of(centred, "np.log")


def log_volume(x):
    return np.sum(np.log(x))


def test_a_nan_of_the_value_where_the_gradient_is_finite() -> None:
    found = find_nan(grad(log_volume), np.array([2.0, -0.5]))
    assert "`np.log(x)` gives NaN in the forward part: x is [-0.5, ...]" in str(found)


def test_a_nan_that_reaches_no_result_is_not_reported() -> None:
    x, w = np.array([0.5, -1.0]), np.array([4.0, 1.0])
    found = find_nan(value_and_grad(lambda x, w: clipped(x, w) * 0.0 + np.sum(x)), x, w)
    assert found is None or found.part != "forward part"
    assert find_nan(grad(centred), np.array([2.0, 3.0, 4.0])) is None


def test_nan_in_matrices_batches_and_helpers() -> None:
    found = find_nan(jacobian(shares, rewrite=False), np.array([1.0, 1000.0]))
    assert found is not None
    assert found.location is not None
    assert found.location.line == line_of(shares, "return")
    assert "e is [inf, ...]" in str(found)
    found = find_nan(batch(grad(centred)), np.array([[2.0, 3.0, 4.0], [2.0, 0.5, 1.5]]))
    assert found is not None
    assert found.location is not None
    x = np.array([0.0, 1.0])
    for g in (with_helper.grad, with_helper.vjp, with_helper.hessian):
        found = find_nan(g, x)
        assert found is not None
        assert found.location is not None
        assert found.location.line == line_of(helper, "return")
    found = find_nan(with_helper.jvp, (x,), (x,))
    assert found is not None
    assert found.part == "tangent"
    assert find_nan(hessian(with_helper), x + 1.0) is None


def test_a_nan_in_an_argument() -> None:
    found = find_nan(grad(lambda p: p["a"] * p["b"][0]), {"a": 1.0, "b": np.array([np.nan])})
    assert str(found) == "the argument p['b'] is NaN"


def test_arguments_are_not_changed() -> None:
    def f(x):
        x[0] = np.log(x[1])
        return np.sum(x)

    x = np.array([1.0, -1.0])
    found = find_nan(value_and_grad(f), x)
    assert found is not None
    np.testing.assert_array_equal(x, [1.0, -1.0])


def test_it_takes_what_differentiates() -> None:
    with pytest.raises(TypeError, match="find_nan takes what differentiates"):
        find_nan(shares, np.ones(2))
