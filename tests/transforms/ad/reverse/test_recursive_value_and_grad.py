"""Recursive functions: the number of calls in their derivatives, and correct derivatives."""

import sys
from collections import Counter

import numpy as np
import pytest

import srcdiff


def polynomial(c, x, k):
    if k == len(c):
        return 0.0
    return c[k] + x * polynomial(c, x, k + 1)


def nested_sines(x, n):
    if n == 0:
        return x
    return np.sin(nested_sines(x, n - 1)) * x


def legendre(n, x):
    if n == 0:
        return 1.0
    if n == 1:
        return x
    return ((2 * n - 1) * x * legendre(n - 1, x) - (n - 1) * legendre(n - 2, x)) / n


def determinant(A):
    if len(A) == 1:
        return A[0, 0]
    total = 0.0
    for j in range(len(A)):
        minor = np.concatenate((A[1:, :j], A[1:, j + 1 :]), axis=1)
        total += (-1) ** j * A[0, j] * determinant(minor)
    return total


def damped(x, n):
    """Its value decides on what it does, and it is called for a number that has no derivative."""
    if n == 0:
        return x
    v = damped(x * 0.9, n - 1)
    w = v * x
    if w > damped(0.5, n - 1):
        w = w * np.sin(v)
    return w + v


def of_leaves(tree, x):
    if isinstance(tree, tuple):
        return of_leaves(tree[0], x) * of_leaves(tree[1], x)
    return tree * x


def in_a_loop(x, n):
    total = 0.0
    for v in x:
        total += nested_sines(v, n) ** 2
    return total


def times_its_sign(A):
    return abs(determinant(A)) * A[0, 0]


def halves(x):
    if len(x) <= 1:
        return np.sum(x**2)
    k = len(x) // 2
    return halves(x[:k]) + 2.0 * halves(x[k:])


def weighted_halves(x):
    return 3.0 * halves(x)


MATRIX = np.eye(4) + 0.1 * np.arange(16).reshape(4, 4) % 0.7
PROGRAMS = [
    (polynomial, (np.array([0.3, 0.2, 0.5, -0.4]), 0.7, 0)),
    (nested_sines, (0.9, 5)),
    (legendre, (6, 0.3)),
    (determinant, (MATRIX,)),
    (damped, (0.9, 4)),
    (of_leaves, (((0.3, (0.4, 1.2)), 2.0), 0.7)),
    (in_a_loop, (np.array([0.4, -0.3, 1.1]), 4)),
    (times_its_sign, (MATRIX,)),
]


def calls_in(g, *args):
    """The number of calls that a derivative makes of each function of its file."""
    g(*args)
    made = Counter()

    def note(frame, event, _):
        if event == "call":
            made[frame.f_code.co_name] += 1

    sys.setprofile(note)
    try:
        g(*args)
    finally:
        sys.setprofile(None)
    return made


@pytest.mark.parametrize(("f", "args"), PROGRAMS, ids=lambda p: getattr(p, "__name__", ""))
def test_the_derivative_is_right(f, args):
    srcdiff.check_grads(f, *args, order=2)


@pytest.mark.parametrize("n", [5, 50])
def test_one_call_at_each_level_where_the_function_makes_one(n):
    made = calls_in(srcdiff.grad(nested_sines, jit=False), 0.9, n)
    assert made["nested_sines_value_and_grad"] == n
    assert made["nested_sines"] == 0


def test_as_many_calls_as_the_function_makes_where_it_makes_several():
    made = calls_in(srcdiff.grad(legendre, argnums=1, jit=False), 12, 0.3)
    plain = Counter()

    def count(n):
        plain["legendre"] += 1
        if n > 1:
            count(n - 1)
            count(n - 2)

    count(12)
    assert (
        made["legendre_value_and_grad"] == plain["legendre"] - 1
    )  # the first one is in the gradient
    assert made["legendre"] == 0


def test_a_sum_of_values_calls_its_adjoint_only():
    made = calls_in(srcdiff.grad(weighted_halves, jit=False), np.arange(8.0))
    assert made["halves_backward"] == 15 and made["halves"] == 0


def polynomial_of_sines(x, c, n):
    return nested_sines(x, n) + polynomial(c, x, 0)


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (polynomial_of_sines, (0.7, np.array([0.2, 0.5, -0.3]), 4)),
        pytest.param(determinant, (MATRIX,), marks=pytest.mark.slow),
        pytest.param(legendre, (6, 0.3), marks=pytest.mark.slow),
    ],
)
def test_compiled_they_are_the_same(f, args):
    wrt = tuple(k for k, a in enumerate(args) if not isinstance(a, int))
    expected = srcdiff.grad(f, argnums=wrt, jit=False)(*args)
    found = srcdiff.grad(f, argnums=wrt, jit=True)(*args)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_the_source_of_one():
    assert (
        srcdiff.grad(in_a_loop)
        .source_for(np.ones(3), 2)
        .endswith(
            '''
def nested_sines_value_and_grad(x, n):
    """`nested_sines` and its gradient with respect to `x`."""
    if n == 0:
        return x, 1.0
    nested_sines_value, d_x = nested_sines_value_and_grad(x, n - 1)
    sine = np.sin(nested_sines_value)
    value = sine * x
    return value, sine + x * np.cos(nested_sines_value) * d_x


def in_a_loop_grad(x, n):
    """Gradient of `in_a_loop` with respect to `x`."""
    d_x = np.empty_like(x)
    for i, v in enumerate(x):
        _, d_x_part = nested_sines_value_and_grad(v, n)
        d_x[i] = 2.0 * nested_sines(v, n) * d_x_part
    return d_x
'''
        )
    )
