"""float32 stays float32, and Python's numbers stay numbers: over the corpus, and on what once widened."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from corpus_loader import Program, load
from transforms.sources import source

import srcdiff
from srcdiff.compile.arguments.pytree import leaves, map_leaves, random_like

pytestmark = pytest.mark.filterwarnings("ignore::srcdiff.IndependentWarning")


def narrow(value: Any) -> Any:
    is_wide = isinstance(value, np.ndarray) and value.dtype == np.float64
    return value.astype(np.float32) if is_wide else value


def agrees(found: Any, given: Any) -> bool:
    """Whether a derivative is of the kind of what it is the derivative by."""
    if found is None:
        return not isinstance(given, float)
    if isinstance(given, np.ndarray | np.generic):
        return np.asarray(found).dtype == given.dtype
    return isinstance(found, float)  # np.float64 is one


MODES = ("auto", "store", "recompute")


@pytest.mark.parametrize(
    ("program", "mode"), [(p, MODES[k % 3]) for k, p in enumerate(load("all"))], ids=str
)
def test_gradients_by_float32_are_float32(program: Program, mode: Any) -> None:
    args = tuple(map_leaves(narrow, a) for a in program.arguments(0))
    with np.errstate(all="ignore"):
        found = srcdiff.grad(program.function, argnums=program.wrt, residuals=mode)(*args)
    for k, d in zip(program.wrt, found, strict=True):
        for a, b in zip(leaves(d), leaves(args[k]), strict=True):
            assert agrees(a, b), f"{type(a)} by argument {k}"


MIXED = ("closure_in_loop", "names_on_one_path", "nbody_energy")  # and a number of Python's


@pytest.mark.parametrize(
    "program",
    [p if p.name in MIXED else pytest.param(p, marks=pytest.mark.slow) for p in load("all")],
    ids=repr,
)
def test_tangents_of_float32_are_float32(program: Program) -> None:
    rng = np.random.default_rng(0)
    args = tuple(map_leaves(narrow, a) for a in program.arguments(0))
    moves = [
        random_like(a, rng) if k in program.wrt else map_leaves(lambda _: None, a)
        for k, a in enumerate(args)
    ]
    with np.errstate(all="ignore"):
        value, tangent = srcdiff.jvp(program.function, args, moves)
        wanted = tuple(moves[k] for k in program.wrt)
        products = srcdiff.hvp(program.function, argnums=program.wrt)(*args, wanted)
    pairs = [(value, tangent), *((args[k], p) for k, p in zip(program.wrt, products, strict=True))]
    for given, found in pairs:
        for a, b in zip(leaves(given), leaves(found), strict=True):
            if isinstance(a, np.ndarray | np.generic) and isinstance(b, np.ndarray | np.generic):
                assert a.dtype == b.dtype or a.dtype.kind != "f"


X = np.array([[0.5, -1.0], [2.0, 1.5]], np.float32)


def ties(x):
    return np.sum(x.max(axis=0))


def integers(x):
    return np.sum(x * np.arange(2))


def floats(x):
    return np.sum(x * np.arange(2.0))


def chosen(x):
    return np.sum(np.where(x > 0, x, 0.0))


def numpy_constant(x):
    return np.sum(np.sin(x * np.sqrt(2 / np.pi)))


def logarithm(x):
    return np.sum(np.log2(x**2))


def math_of_an_element(x):
    return math.sin(x[0, 0]) * np.sum(x)


def stored_number(x):
    t = 0.5
    for _ in range(3):
        x = np.sin(x * t)
        t = t * 1.5
    return np.sum(x)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "f",
    [ties, integers, floats, chosen, numpy_constant, logarithm, math_of_an_element, stored_number],
)
def test_gradient_is_float32_in_every_mode(f: Any, mode: Any) -> None:
    found = srcdiff.grad(f, residuals=mode)(X)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, srcdiff.grad(f)(X.astype(float)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("f", [ties, chosen])
def test_tangent_is_of_the_dtype_of_the_value(f: Any) -> None:
    value, tangent = srcdiff.jvp(f, (X,), (np.ones_like(X),))
    assert value.dtype == tangent.dtype == np.float32


def test_derivative_by_a_float32_number_is_one() -> None:
    found = srcdiff.grad(lambda a, x: np.sum(a * x))(np.float32(2.0), np.ones(2))
    assert type(found) is np.float32
    assert type(srcdiff.grad(lambda a: 2.0 * a)(np.float32(1.0))) is np.float32


@pytest.mark.parametrize("larger", [max, np.maximum])
def test_derivative_by_a_python_number_is_a_number(larger: Any) -> None:
    g = srcdiff.grad(lambda x: larger(x, 2.0))
    assert [g(3.0), g(2.0), g(1.0)] == [1.0, 0.5, 0.0]
    assert all(type(g(x)) is float for x in (1.0, 2.0, 3.0))
    assert "np.where" not in g.source_for(3.0)


def test_derivative_of_math_is_math_and_of_numpy_numpy() -> None:
    assert "math.sin(x)" in srcdiff.grad(lambda x: math.cos(x)).source_for(1.0)
    assert "np.sin(x)" in srcdiff.grad(lambda x: np.cos(x)).source_for(1.0)
    assert "math.log" in srcdiff.grad(lambda x, y: x**y, argnums=1).source_for(2.0, 3.0)
    of_element = srcdiff.grad(lambda x: math.cos(2.0 * x[0])).source_for(np.ones(2))
    assert "math.sin" in of_element and "np.sin" not in of_element


@pytest.mark.parametrize(
    "f",
    [np.sqrt, lambda x: x**0.5, np.log, lambda x: 1 / x],
    ids=["sqrt", "power", "log", "divide"],
)
def test_numpy_numbers_and_arrays_have_infinite_derivatives(f: Any) -> None:
    with np.errstate(all="ignore"):
        assert np.isinf(srcdiff.grad(lambda x: np.sum(f(x)))(np.array([0.0, 1.0]))[0])
        assert np.isinf(srcdiff.grad(lambda x: f(x))(np.float64(0.0)))


@pytest.mark.parametrize(
    "f",
    [math.sqrt, lambda x: x**0.5, np.log, lambda x: 1 / x],
    ids=["sqrt", "power", "log", "divide"],
)
def test_python_numbers_raise_as_in_python(f: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        srcdiff.grad(lambda x: f(x))(0.0)


def test_clip_with_one_bound() -> None:
    x = np.array([-2.0, 0.3, 2.0])
    np.testing.assert_array_equal(
        srcdiff.grad(lambda x: np.sum(np.clip(x, None, 1.0)))(x), [1, 1, 0]
    )
    np.testing.assert_array_equal(
        srcdiff.grad(lambda x: np.sum(np.clip(x, 0.0, None)))(x), [0, 1, 1]
    )


def narrow_sum(x, k):
    total = np.float32(0)
    for v in x.astype(np.float32):
        total += v * np.float32(k)
    return total


def narrow_branch(x):
    total, last = np.float32(0), x[0]
    for v in x:
        if v > 0.3:
            total, last = total + v, total
        else:
            last = last * v
    return total * last


def counted_pairs(x):
    pairs = []
    for i in range(len(x)):
        pairs.append((x[i], i))
    pairs[0] = (x[1] * x[2], 2)
    return sum(p * q for p, q in pairs)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize(
    ("function", "args", "expected"),
    [
        (narrow_sum, (np.array([0.5, 0.25, 0.125]), 2.0), [2.0, 2.0, 2.0]),
        (narrow_branch, (np.array([0.5, 0.25, 1.5], np.float32),), [2.5, 0.0, 0.5]),
        (counted_pairs, (np.array([0.5, 0.25, 1.5]),), [0.0, 1 + 3.0, 2 + 0.5]),
    ],
)
def test_numbers_of_a_loop_or_list_keep_their_dtypes_in_both_modes(function, args, expected, jit):
    """Their zeros do, too: with those of another dtype, compiled code was refused."""
    gradient = srcdiff.grad(function, jit=jit)(*args)
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)
    tangents = (np.ones_like(args[0]), *[None] * (len(args) - 1))
    _, tangent = srcdiff.jvp(function, args, tangents, jit=jit)
    assert tangent == pytest.approx(sum(expected), rel=1e-6)


def test_adjoints_along_axes_that_may_have_length_one_keep_their_dtype():
    def f(x, y):
        long, wide = np.reshape(x, (-1, 1)), np.reshape(y, (1, -1))
        return np.sum(np.sin(long * wide) * np.arange(6.0))

    x, y = np.ones((2, 3), np.float32), np.full(1, 0.5, np.float32)
    for d in srcdiff.grad(f, argnums=(0, 1), jit=False)(x, y):
        assert d.dtype == np.float32
    srcdiff.check_grads(f, x.astype(float), y.astype(float))


METHODS = (
    "s.sum()", "s.sum(axis=None)", "s.prod()", "s.max()", "s.min()", "s.mean()", "s.std() + s", "s.cumsum()[0]", "s.T",
    "s.transpose()", "s.copy()", "s.squeeze()", "s.reshape(())", "s.ravel()[0]", "s.flatten()[0]", "s.reshape(1, 1)",
    "s.round() + s", "s.clip(0.1, 0.5)", "s.conj()", "s.real", "s.item()", "s.size * s", "s.argmax() + s",
    "s.astype(float)", "np.copy(s)", "np.transpose(s)", "np.isscalar(s) * s", "s[None]", "s[np.newaxis, None]",
    "s[...]", "s[()]", "s[..., None]", "np.mean(s)[None] * x", "np.linalg.norm(x)[None]", "(x @ x)[None]",
)  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("text", METHODS)
def test_numbers_of_numpy_have_the_methods_of_arrays(text):
    f = source(f"def f(x):\n    s = x[0] * x[1]\n    return np.sum(({text}) ** 2 * x[0])\n")
    x = np.array([0.7, 1.2, 0.3])
    srcdiff.check_grads(f, x)
    value, found = srcdiff.value_and_grad(f, jit=True)(x)
    assert value == pytest.approx(f(x), rel=1e-12)
    np.testing.assert_allclose(found, srcdiff.grad(f, jit=False)(x), rtol=1e-12)
