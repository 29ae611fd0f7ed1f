"""The first examples of the Theano tutorial and what they show: rows T1 to T6 and T8 of the list of seeds."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pytest

import srcdiff
from srcdiff.ir.syntax.parser import parse
from srcdiff.ir.syntax.printer import to_text
from srcdiff.ops.core.registry import OPERATIONS

A = np.array([0.0, 1.0, 2.0])


def value_of(f: Any, *args: Any) -> Any:
    """What the generated code computes as the function's value."""
    return srcdiff.vjp(f, *args)[0]


def generated_value(f: Any, *args: Any) -> Any:
    zeros = tuple(np.zeros_like(a, float) if isinstance(a, np.ndarray) else 0.0 for a in args)
    return srcdiff.jvp(f, args, zeros)[0]


def count(source: str, kind: type) -> int:
    return sum(isinstance(node, kind) for node in ast.walk(ast.parse(source)))


def calls(source: str, name: str) -> int:
    found = [ast.unparse(n.func) for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call)]
    return found.count(name)


# ---- T1: a graph that is called, evaluated and printed -------------------------------------------------


def add(x, y):
    return x + y


@pytest.mark.parametrize(("x", "y", "z"), [(2.0, 3.0, 5.0), (16.3, 12.1, 28.4)])
def test_t1_a_sum_is_called_by_position_and_by_name(x: float, y: float, z: float) -> None:
    g = srcdiff.value_and_grad(add, argnums=("x", "y"))
    for value, gradient in (g(x, y), g(x=x, y=y)):
        assert value == pytest.approx(z, rel=1e-15)
        assert gradient == (1.0, 1.0)


def test_t1_a_sum_prints_as_it_was_written() -> None:
    assert "x + y" in srcdiff.value_and_grad(add, argnums=(0, 1)).source_for(2.0, 3.0)


def test_t1_the_stages_can_be_listed_and_read_back() -> None:
    stages = srcdiff.grad(add).stages(2.0, 3.0)
    assert "%z" in stages["frontend"] or "add %x, %y" in stages["frontend"]
    for text in stages.values():
        assert to_text(parse(text, OPERATIONS)).strip() == text.strip()


# ---- T2: NumPy's names mean what they mean in NumPy ---------------------------------------------------

ONE = [
    np.exp, np.exp2, np.expm1, np.log1p, np.sin, np.cos, np.tan, np.tanh, np.sinh, np.cosh, np.arctan, np.arcsinh,
    np.abs, np.sign, np.square, np.negative, np.floor, np.ceil, np.cbrt, np.sqrt, np.log, np.log2, np.log10,
    np.reciprocal, np.arcsin, np.arccos, np.arccosh, np.arctanh,
]  # fmt: skip
TWO = [
    np.add,
    np.subtract,
    np.multiply,
    np.divide,
    np.power,
    np.maximum,
    np.minimum,
    np.hypot,
    np.arctan2,
    np.logaddexp,
]
WHOLE = [np.sum, np.prod, np.mean, np.max, np.min, np.cumsum, np.var, np.std]


def with_operation(op: Any, count: int) -> Any:
    """A Python function that is one call."""
    if count == 1:
        return lambda x: op(x)
    return lambda x, y: op(x, y)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("op", ONE + WHOLE, ids=lambda op: op.__name__)
def test_t2_values_of_one_argument_are_numpys(op: Any, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    for x in (rng.uniform(0.1, 0.9, (3, 4)), rng.uniform(1.1, 3.0, 5), rng.normal(size=6)):
        x = x.astype(dtype)
        with np.errstate(all="ignore"):
            found, expected = generated_value(with_operation(op, 1), x), op(x)
        np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("op", TWO, ids=lambda op: op.__name__)
def test_t2_values_of_two_arguments_are_numpys(op: Any, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0.5, 2.0, (3, 4)).astype(dtype)
    for y in (rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=(3, 1))):
        y = y.astype(dtype)
        with np.errstate(all="ignore"):
            found = generated_value(with_operation(op, 2), x, y)
        np.testing.assert_array_equal(found, op(x, y), strict=True)


# ---- T3 to T6: gradients as a person writes them --------------------------------------------------------


def test_t3_the_gradient_of_a_square_is_twice_the_argument() -> None:
    g = srcdiff.grad(lambda x: x**2)
    assert g(3.0) == 6.0
    assert g.source.endswith("return 2.0 * x\n")


def test_t4_an_expression_that_comes_twice_is_computed_once() -> None:
    def f(x):
        return np.exp(x) * np.exp(x) + np.exp(x)

    g = srcdiff.grad(f)
    assert g(0.5) == pytest.approx(2 * np.exp(1.0) + np.exp(0.5), rel=1e-12)
    assert calls(g.source, "np.exp") == 1
    h = srcdiff.value_and_grad(f)
    assert h(0.5)[0] == f(0.5)
    assert calls(h.source, "np.exp") <= 4  # the user's line stands as written, and one more


def test_t4_simplified_code_gives_what_the_plain_formula_gives() -> None:
    def f(x, y):
        return np.sum(np.exp(x) * np.exp(x) + x * y / y)

    rng = np.random.default_rng(0)
    for _ in range(5):
        x, y = rng.normal(size=4), rng.uniform(1.0, 2.0, 4)
        np.testing.assert_allclose(srcdiff.grad(f)(x, y), 2 * np.exp(2 * x) + 1, rtol=1e-12)


def test_t5_a_plus_a_to_the_tenth() -> None:
    def f(a):
        return a + a**10

    np.testing.assert_array_equal(value_of(f, A), [0.0, 2.0, 1026.0])
    np.testing.assert_array_equal(srcdiff.grad(lambda a: np.sum(f(a)))(A), [1.0, 11.0, 5121.0])


def test_t6_the_square_of_a_sum() -> None:
    def f(a, b):
        return np.sum(a**2 + 2 * a * b + b**2)

    a, b = np.array([1.0, 2.0]), np.array([4.0, 5.0])
    np.testing.assert_array_equal(
        value_of(lambda a, b: a**2 + 2 * a * b + b**2, a, b), [25.0, 49.0]
    )
    for gradient in srcdiff.grad(f, argnums=("a", "b"))(a, b):
        np.testing.assert_array_equal(gradient, [10.0, 14.0])


# ---- T8: several results of one call --------------------------------------------------------------------


def differences(a, b):
    diff = a - b
    return diff, abs(diff), diff**2


def test_t8_several_results_share_what_they_have_in_common() -> None:
    a, b = np.array([[1.0, 1.0], [1.0, 1.0]]), np.array([[0.0, 1.0], [2.0, 3.0]])
    f = srcdiff.differentiate(differences)
    values, tangents = f.jvp((a, b), (np.ones((2, 2)), None))
    for found, expected in zip(values, differences(a, b), strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(tangents[0], np.ones((2, 2)))
    np.testing.assert_array_equal(tangents[2], 2 * (a - b))
    assert f.jvp.source.count("a - b") == 1 and count(f.jvp.source, ast.Sub) == 1


def test_t8_the_derivative_of_abs_at_zero_is_zero() -> None:
    g = srcdiff.grad(lambda x: np.sum(np.abs(x)))
    np.testing.assert_array_equal(g(np.array([-2.0, 0.0, 3.0])), [-1.0, 0.0, 1.0])
    assert srcdiff.grad(lambda x: abs(x))(0.0) == 0.0
