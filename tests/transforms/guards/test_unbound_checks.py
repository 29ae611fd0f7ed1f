"""Use-before-definition checks: a name that no iteration has bound raises when it is read, in NumPy and compiled."""

import itertools

import numpy as np
import pytest
from loop_forms import as_python, loop_form
from transforms.passes import program
from transforms.sources import source

import srcdiff
from srcdiff.ir.syntax.printer import to_text
from srcdiff.ir.verify import verify
from srcdiff.transforms.guards.unbound_checks import bound_names


def test_a_name_that_a_loop_binds_is_bound_if_the_loop_runs():
    fn = program(
        """
        def f(%x: float64[n], %k: int64{k}) -> 0 {
          %0: int64 = undefined[type=type(int64)]
          %j: int64 = for 0, %k, 1 with %0 {
            (%i: int64{i}, %j.1: int64) ->
            yield %i
          }
          %1: float64! = index[where='i'] %x, %j
          yield %1
        }
        """
    )
    new = bound_names(fn)
    assert verify(new) == []
    assert "%has_j: bool = test[text='{0} > {1}'] %k, 0" in to_text(new)


def behind_an_inner_loop(x, counts):
    s = 1.0
    for n in counts:
        for j in range(n):
            s *= x[j]
        s *= x[j]
    return s


def number_of_an_inner_loop(x, counts):
    s = 1.0
    for i in range(len(counts)):
        for j in range(counts[i]):
            y = 2.0 * x[j]
        s *= y
    return s


def array_of_an_inner_loop(x, counts):
    s = 1.0
    for i in range(len(counts)):
        for j in range(counts[i]):
            row = x * x[j]
        s += np.sum(row)
    return s


def truth_of_an_inner_loop(x, counts):
    s = 1.0
    for i in range(len(counts)):
        for j in range(counts[i]):
            large = x[j] > 1.0
        s += x[i] if large else x[0]
    return s


def read_in_a_later_loop(x, counts):
    s = 0.0
    for i in range(counts[0]):
        y = x[i] ** 2
        s += y
    for _ in range(2):
        s += x[i] * y
    return s


def read_in_a_branch(x, counts):
    s = 0.0
    for i in range(counts[0]):
        y = x[i] ** 2
        s += y
    if x[0] > 0.0:
        s += x[i] * y
    return s


def bound_on_one_of_two_sides(x, counts):
    c = x[0] > 1.0
    if c:
        for i in range(len(counts)):
            y = x[i] ** 2
    else:
        for i in range(counts[0]):
            y = x[i] ** 3
    s = 1.0
    if c:
        s = x[1]
    else:
        s *= y
    return s


def written_at(x, counts):
    y = x * 1.0
    for i in range(counts[0]):
        y[i] *= 2.0
    y[i] = 3.0 * x[0]
    return np.sum(y)


def returned(x, counts):
    for i in range(counts[0]):
        y = x[i] ** 2
    return y


PROGRAMS = [
    behind_an_inner_loop,
    number_of_an_inner_loop,
    array_of_an_inner_loop,
    truth_of_an_inner_loop,
    read_in_a_later_loop,
    read_in_a_branch,
    bound_on_one_of_two_sides,
    written_at,
    returned,
]
X = np.linspace(0.5, 1.5, 4)


@pytest.mark.parametrize("function", PROGRAMS)
@pytest.mark.parametrize("jit", [True, False])
def test_names_are_read_only_where_they_are_bound(function, jit):
    g = srcdiff.value_and_grad(function, jit=jit)
    value, gradient = g(X, np.array([2, 0, 3]))
    assert value == pytest.approx(function(X, np.array([2, 0, 3])))
    expected = srcdiff.grad(function, jit=not jit)(X, np.array([2, 0, 3]))
    np.testing.assert_allclose(gradient, expected)
    with pytest.raises(UnboundLocalError):
        function(X, np.array([0, 1]))
    with pytest.raises(UnboundLocalError):
        g(X, np.array([0, 1]))


def doubled(x, n):
    for i in range(n):
        y = (i + 1) * x
    return np.sum(y)


def found_first(x, n):
    for i in range(n):
        for v in x:
            if v > 0.8:
                return v * i
    return x[0]


@pytest.mark.parametrize("jit", [True, False])
@pytest.mark.parametrize("function", [doubled, returned])
def test_gradients_raise_where_nothing_uses_the_value(function, jit):
    counts = (2, 0) if function is doubled else (np.array([2]), np.array([0]))
    g = srcdiff.grad(function, jit=jit)
    np.testing.assert_array_equal(
        g(X, counts[0]), srcdiff.value_and_grad(function)(X, counts[0])[1]
    )
    with pytest.raises(UnboundLocalError):
        function(X, counts[1])
    with pytest.raises(UnboundLocalError):
        g(X, counts[1])


def test_what_returns_early_is_not_asked():
    g = srcdiff.grad(found_first, jit=True)
    np.testing.assert_array_equal(g(X, 2), [0.0, 0.0, 0.0, 0.0])
    np.testing.assert_array_equal(g(X, 0), [1.0, 0.0, 0.0, 0.0])
    assert "UnboundLocalError" not in g.source + g.loop_source


def root_of(v):
    if v < 0.0:
        raise ValueError
    return np.sqrt(v)


def skipped_iterations(x):
    total, n = 0.0, 0
    while n < len(x):
        try:
            total += root_of(x[n]) * root_of(x[n] - 0.5)
        except ValueError:
            total -= x[n]
        n += 1
    return total


def test_residuals_of_iterations_without_a_value_are_not_read():
    """The lists of a `while` have an item for each iteration."""
    x = np.array([0.7, -1.0, 0.3, 1.5])
    value, gradient = srcdiff.value_and_grad(skipped_iterations, jit=True)(x)
    expected, wanted = srcdiff.value_and_grad(skipped_iterations, jit=False)(x)
    assert value == pytest.approx(expected) and value == pytest.approx(skipped_iterations(x))
    np.testing.assert_allclose(gradient, wanted, rtol=1e-13)


def number_of_the_first_iteration(x, v):
    for t in range(len(v)):
        if t == 0:
            y = x[0] * v[0]
        else:
            y = y * x[0] + v[t]
    return y * y


def array_of_the_first_iteration(x, v):
    for t, u in enumerate(v):
        if t == 0:
            y = x * u
        else:
            y = np.concatenate([y[1:], x[:1]]) * x + u
    return np.sum(y**2)


@pytest.mark.parametrize("jit", [True, False])
@pytest.mark.parametrize("function", [number_of_the_first_iteration, array_of_the_first_iteration])
def test_a_name_that_the_first_iteration_binds_is_bound_in_the_others(function, jit):
    """Second derivatives keep what was kept before, as a user would."""
    v, direction = np.array([0.5, -1.0, 2.0]), np.array([0.3, -0.2, 0.5, 0.1])
    d_x = srcdiff.grad(function, jit=jit)
    found = srcdiff.hvp(function, jit=jit)(X, v, direction)
    steps = 1e-6 * direction
    slope = (function(X + steps, v) - function(X - steps, v)) / 2e-6
    assert d_x(X, v) @ direction == pytest.approx(slope, rel=1e-7)
    wanted = (d_x(X + steps, v) - d_x(X - steps, v)) / 2e-6
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-8)


READ_ON_A_SIDE = """
def f(x, first, second):
    for _ in range({bound}):
        y = x * 2.0
    if {read}:
        z = y
    else:
        z = x
    return np.sum(np.sin(z))
"""


@pytest.mark.parametrize("read", ["second > 0", "not second > 0"])
@pytest.mark.parametrize("bound", ["first", "1 - first"])
def test_a_name_that_a_loop_may_bind_is_read_on_either_side_of_a_branch(bound, read):
    f = source(READ_ON_A_SIDE.format(bound=bound, read=read))
    g, x = srcdiff.grad(f, jit=False), np.array([0.3, 0.9])
    loops = as_python(loop_form(g, (x, 1, 1)))
    for first, second in itertools.product((0, 1), repeat=2):
        is_bound, is_read = first == (bound == "first"), second == (read == "second > 0")
        if is_read and not is_bound:
            with pytest.raises(UnboundLocalError):
                loops(x, first, second)
        else:
            expected = 2.0 * np.cos(2.0 * x) if is_read else np.cos(x)
            np.testing.assert_allclose(g(x, first, second), expected)
            np.testing.assert_allclose(loops(x, first, second), expected)
