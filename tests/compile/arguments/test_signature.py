"""Argument binding: as in Python, and with messages like Python's."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import srcdiff
from srcdiff.compile.arguments.signature import resolve_argnums, signature_of
from srcdiff.errors import UnsupportedError


def f(x, y=2.0):
    return np.sum(x**2) * y


def keyword_only(x, /, y, *, z=1.0):
    return x * y * z


@pytest.mark.parametrize(
    ("argnums", "positions"),
    [(0, (0,)), (-1, (2,)), ("y", (1,)), ((2, "x"), (2, 0)), ([1], (1,)), (np.int64(1), (1,))],
)
def test_argnums_are_positions_or_names(argnums: Any, positions: tuple[int, ...]) -> None:
    assert resolve_argnums(("x", "y", "z"), argnums) == positions


@pytest.mark.parametrize(
    ("argnums", "message"),
    [
        (3, "3 parameters"),
        (-4, "3 parameters"),
        ("w", "no parameter 'w'; they are x, y, z"),
        ((0, "x"), "given twice"),
        (True, "positions or names"),
        (1.0, "positions or names"),
        (None, "positions or names"),
        ((), "it names no argument"),
    ],
)
def test_wrong_argnums_raise(argnums: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resolve_argnums(("x", "y", "z"), argnums)


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, r"f\(\) missing 1 required argument: 'x'"),
        ((1.0, 2.0, 3.0), {}, r"f\(\) takes 2 positional arguments but 3 were given"),
        ((1.0,), {"z": 2.0}, r"f\(\) got an unexpected keyword argument 'z'"),
        ((1.0,), {"x": 2.0}, r"f\(\) got multiple values for argument 'x'"),
    ],
)
def test_wrong_arguments_raise_as_in_python(args: Any, kwargs: Any, message: str) -> None:
    g = srcdiff.grad(f)
    with pytest.raises(TypeError, match=message):
        g(*args, **kwargs)
    with pytest.raises(TypeError, match=message):
        g.source_for(*args, **kwargs)


def test_defaults_and_keywords_count_as_arguments() -> None:
    x = np.array([1.0, 2.0])
    g = srcdiff.grad(f)
    np.testing.assert_allclose(g(x), 4 * x)
    np.testing.assert_allclose(g(x, y=3.0), 6 * x)
    np.testing.assert_allclose(g(y=3.0, x=x), 6 * x)
    assert srcdiff.grad(f, argnums="y")(x) == 5.0


def test_keyword_only_parameters_are_given_by_name() -> None:
    g = srcdiff.grad(keyword_only, argnums=("z", "x"))
    assert g(2.0, y=3.0, z=4.0) == (6.0, 12.0)
    with pytest.raises(TypeError, match="takes 2 positional arguments but 3 were given"):
        g(2.0, 3.0, 4.0)


def test_hvp_takes_its_vector_last_or_by_name() -> None:
    x, v = np.array([1.0, 2.0]), np.array([1.0, 0.0])
    h = srcdiff.hvp(f)
    for found in (h(x, v), h(x, 2.0, v), h(x, y=2.0, v=v)):
        np.testing.assert_allclose(found, 4 * v)
    with pytest.raises(TypeError, match="those of f, and then v"):
        h(x)


def test_hvp_of_several_arguments_takes_a_tuple() -> None:
    h = srcdiff.hvp(lambda a, b: np.sum(a**3) * b, argnums=(0, 1))
    x = np.array([1.0, 2.0])
    first, second = h(x, 2.0, (x, 1.0))
    np.testing.assert_allclose(first, 12 * x * x + 3 * x**2)
    np.testing.assert_allclose(second, 3 * np.sum(x**3))
    with pytest.raises(ValueError, match="tuple of 2"):
        h(x, 2.0, (x,))


def test_a_vector_of_another_shape_is_refused() -> None:
    h = srcdiff.hvp(f)
    with pytest.raises(ValueError, match=r"v has shape \(3,\), what it belongs to has \(2,\)"):
        h(np.ones(2), np.ones(3))


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (len, "not written in Python"),
        (dict, "a class"),
        (np.sum, "library"),
        (np.sin, "library"),
        (functools.partial(np.sin), "library"),
    ],
)
def test_what_has_no_source_is_refused(function: Any, what: str) -> None:
    with pytest.raises(UnsupportedError, match=what) as caught:
        signature_of(function, 0)
    assert "Write a function" in caught.value.advice


class Scaled:
    def of_keywords(self, x, **k):
        return x**2 * k.get("a", 1.0)


def of_keywords(x, **k):
    return x**2 * k.get("a", 1.0)


def of_both(*args, **k):
    return args[0] ** 2 * sum(k.values(), start=0.0) + args[0]


@pytest.mark.parametrize(
    ("f", "args", "given", "expected"),
    [
        (of_keywords, (3.0,), {}, 6.0),
        (of_keywords, (3.0,), {"a": 2.0}, 12.0),
        (of_keywords, (), {"a": 2.0, "x": 3.0}, 12.0),
        (of_keywords, (3.0,), {"a": 2.0, "b": 5.0}, 12.0),
        (Scaled().of_keywords, (3.0,), {"a": 2.0}, 12.0),
        (functools.partial(of_keywords, a=2.0), (3.0,), {}, 12.0),
        (of_both, (3.0,), {"p": 2.0, "q": 1.0}, 19.0),
        (functools.partial(of_both, k=1.0), (3.0,), {"p": 2.0}, 19.0),
    ],
)
@pytest.mark.parametrize("make", [srcdiff.grad, srcdiff.value_and_grad])
def test_parameters_are_those_of_a_call(f, args, given, expected, make) -> None:
    found = make(f, jit=False)(*args, **given)
    assert (found if make is srcdiff.grad else found[1]) == expected


def test_a_call_without_arguments_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="called without arguments"):
        srcdiff.grad(of_keywords)()


def test_what_cannot_be_called_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="expected a function"):
        srcdiff.grad(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected a function"):
        srcdiff.differentiate(3)  # type: ignore[call-overload]


def weighted(w: Any, x: Any, y: Any, power: float = 2.0, *, kind: str = "sum") -> Any:
    return np.sum(w * (x - y) ** power) if kind == "sum" else np.max(w * x)


W, X, Y = np.array([1.0, 2.0]), np.array([0.5, -1.0]), np.array([2.0, 1.5])


def test_what_a_partial_binds_by_name_has_a_default() -> None:
    g = srcdiff.grad(functools.partial(weighted, x=X, y=Y))
    np.testing.assert_array_equal(g(W), (X - Y) ** 2)
    np.testing.assert_array_equal(g(W, y=X), [0.0, 0.0])
    assert g.source.startswith("def weighted_grad(w, x, y,")
    h = srcdiff.grad(functools.partial(weighted, x=X, y=Y), argnums="x")
    np.testing.assert_array_equal(h(W), 2 * W * (X - Y))


def test_what_a_partial_binds_by_position_is_no_parameter() -> None:
    w, options = W.copy(), {"power": 2.0}
    g = srcdiff.grad(functools.partial(functools.partial(weighted, w), X))
    np.testing.assert_array_equal(g(Y), -2 * W * (X - Y))
    w *= 2.0
    np.testing.assert_array_equal(g(Y), -4 * W * (X - Y))
    h = srcdiff.grad(functools.partial(lambda o, x: x ** o["power"], options))
    assert h(3.0) == 6.0
    options["power"] = 3.0
    assert h(3.0) == 27.0


def weighted_squares(*xs: Any) -> Any:
    total = 0.0
    for k, x in enumerate(xs):
        total = total + (k + 1) * x**2
    return total


def test_derivatives_of_any_number_of_arguments_are_called_in_each_way() -> None:
    decorated = srcdiff.differentiate(weighted_squares)
    assert decorated.vjp(1.0, 2.0)[1](1.0) == (2.0, 8.0)
    assert decorated.jvp((1.0, 2.0), (1.0, 0.0)) == (9.0, 2.0)
    gradient = srcdiff.grad(weighted_squares)
    assert srcdiff.grad(lambda x: gradient(x, 2.0) * x)(3.0) == 12.0  # of 2 x * x
