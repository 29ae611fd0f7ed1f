"""Derivatives of derivatives, over the corpus: against finite differences of the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.special
from corpus_loader import Program, load

import srcdiff
from srcdiff.compile.arguments.pytree import add_scaled, dot, leaves, map_leaves, random_like

pytestmark = pytest.mark.filterwarnings("ignore::srcdiff.IndependentWarning")

PROGRAMS = load("all")

# Every program at each of its examples, in NumPy; the first of each is enough between two edits.
EXAMPLES = [
    pytest.param(p, k, id=f"{p}-{k}", marks=[pytest.mark.slow] if k else [])
    for p in PROGRAMS
    for k in range(len(p.examples))
]


def slope(program: Program, args: tuple[Any, ...], directions: list[Any]) -> Any:
    """The gradient's derivative along the directions, by differences of two steps, extrapolated."""
    g = srcdiff.grad(program.function, argnums=program.wrt, jit=False)

    def along(step: float) -> Any:
        return g(*(add_scaled(a, d, step) for a, d in zip(args, directions, strict=True)))

    def difference(step: float) -> Any:
        return map_leaves(
            lambda p, q: None if p is None else (p - q) / (2 * step), along(step), along(-step)
        )

    coarse, fine = difference(1e-3), difference(5e-4)
    return map_leaves(lambda a, b: None if a is None else (4 * b - a) / 3, coarse, fine)


def close(found: Any, expected: Any, rtol: float = 2e-5) -> None:
    pairs = [(f, e) for f, e in zip(leaves(found), leaves(expected), strict=True) if e is not None]
    scale = max([1.0, *(float(np.max(np.abs(e), initial=0.0)) for _, e in pairs)])
    for f, e in pairs:
        np.testing.assert_allclose(f, e, rtol=rtol, atol=rtol * scale)


def directions_of(program: Program, args: tuple[Any, ...]) -> list[Any]:
    rng = np.random.default_rng(0)
    return [
        random_like(a, rng) if k in program.wrt else map_leaves(lambda _: None, a)
        for k, a in enumerate(args)
    ]


@pytest.mark.parametrize(("program", "example"), EXAMPLES)
def test_forward_over_reverse_agrees_with_differences_of_the_gradient(
    program: Program, example: int
) -> None:
    f, wrt = program.function, program.wrt
    args = program.arguments(example)
    directions = directions_of(program, args)
    with np.errstate(all="ignore"):
        expected = slope(program, args, directions)
        product = srcdiff.hvp(f, argnums=wrt, jit=False)(*args, tuple(directions[k] for k in wrt))
        _, tangent = srcdiff.jvp(srcdiff.grad(f, argnums=wrt), args, directions, jit=False)
    close(product, expected)
    close(tangent, expected)


@pytest.mark.parametrize(("program", "example"), EXAMPLES)
def test_reverse_over_reverse_agrees_with_differences_of_the_gradient(
    program: Program, example: int
) -> None:
    """The Hessian is symmetric: weights . (H v) is v . (H weights)."""
    wrt = program.wrt
    args = program.arguments(example)
    directions = directions_of(program, args)
    g = srcdiff.grad(program.function, argnums=wrt, jit=False)
    with np.errstate(all="ignore"):
        expected = slope(program, args, directions)
        gradient, back = srcdiff.vjp(g, *args, argnums=wrt, jit=False)
        weights = random_like(gradient, np.random.default_rng(1))
        found = sum(dot(directions[k], d) for k, d in zip(wrt, back(weights), strict=True))
    close(found, dot(weights, expected), 1e-4)


@pytest.mark.parametrize("x", [0.5, -2.0])
def test_third_derivatives_of_a_scalar_function(x: float) -> None:
    third = srcdiff.grad(srcdiff.grad(srcdiff.grad(lambda x: x**4 + np.sin(x))))
    np.testing.assert_allclose(third(x), 24 * x - np.cos(x), rtol=1e-12)


FOURTH = [
    lambda x: np.sin(x) * np.exp(x),
    lambda x: 1.0 / (1.0 + x**3),
    lambda x: np.logaddexp(x, 0.3 * x**2),
    lambda x: scipy.special.log_ndtr(x),
]


@pytest.mark.parametrize("f", FOURTH)
def test_fourth_derivatives_of_each_element(f: Any) -> None:
    orders = [f]
    for _ in range(4):
        orders.append(srcdiff.elementwise_grad(orders[-1], jit=False))
    x, step = np.array([0.4, 0.9, 1.7]), 1e-4
    expected = (orders[3](x + step) - orders[3](x - step)) / (2 * step)
    np.testing.assert_allclose(orders[4](x), expected, rtol=1e-6)


def test_fourth_derivatives_of_a_function_of_an_array() -> None:
    def f(x: Any) -> Any:
        return np.sum(np.exp(x[1:] * x[:-1])) + np.prod(x)

    third = srcdiff.jacobian(srcdiff.hessian(f, jit=False), jit=False)
    x, step = np.array([0.3, 0.5, 0.2]), 1e-5
    moves = step * np.eye(3)
    expected = np.stack([(third(x + m) - third(x - m)) / (2 * step) for m in moves], axis=-1)
    np.testing.assert_allclose(srcdiff.jacobian(third, jit=False)(x), expected, atol=1e-8)


def power(x, n, k):
    return k * x if n == 0 else x * power(x, n - 1, k)


def curved(w, depth, at):
    if depth == 0:
        return w[at] ** 2
    return np.tanh(curved(w, depth - 1, 2 * at) + w[at] * curved(w, depth - 1, 2 * at + 1))


@pytest.mark.long
def test_reverse_over_reverse_through_functions_that_call_themselves() -> None:
    """Their derivative comes with their value; then it is differentiated again, also by other arguments."""
    orders = [power]
    for _ in range(4):
        orders.append(srcdiff.grad(orders[-1], jit=False))
    x = 1.3
    found = [f(x, 4, 0.5) for f in orders[1:]]
    np.testing.assert_allclose(found, 0.5 * np.array([5 * x**4, 20 * x**3, 60 * x**2, 120 * x]))
    mixed = srcdiff.grad(orders[1], argnums="k", jit=False)
    np.testing.assert_allclose(mixed(x, 4, 0.5), 5 * x**4)
    slope = srcdiff.grad(curved, jit=False)
    w = np.linspace(0.2, 0.9, 8)
    twice = srcdiff.grad(lambda w: np.sum(slope(w, 2, 1) ** 2), jit=False)
    srcdiff.check_grads(lambda w: np.sum(slope(w, 2, 1) ** 2), w, order=1)
    h = srcdiff.hessian(lambda w: curved(w, 2, 1), jit=False)(w)
    np.testing.assert_allclose(twice(w), 2 * h @ slope(w, 2, 1), rtol=1e-10)
