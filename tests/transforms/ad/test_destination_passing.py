"""Destination passing: adjoints of helpers are added to arrays of their callers."""

import textwrap

import numpy as np
import pytest

import srcdiff
from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.ad.destination_passing import with_destinations
from tests.transforms.passes import assert_same, check, program, result, unchanged

X = np.array([0.7, -1.2, 0.4, 1.5, 0.9])

# a helper's adjoint that makes zeros, and a caller that adds what it gives to an array
HELPER = """
    def g(%d_out: float64, %x: float64[n], %i: int64) -> 0 {
      facts [gradient_names=('x',)]
      %d_x: float64[n] = zeros_like %x ;adjoint
      add_into[where='i'] %d_x, %d_out, %i ;adjoint
      %d_x.1: float64[n] = read %d_x ;adjoint
      yield %d_x.1
    }
"""
HANDED = """
    def g(%d_out: float64, %x: float64[n], %i: int64, %d_x: float64[n]) -> tuple() {
      facts [written_params=(3,)]
      add_into[where='i'] %d_x, %d_out, %i ;adjoint
      yield
    }
"""


def of(caller, helper):
    return textwrap.dedent(caller).strip() + "\n" + textwrap.dedent(helper).strip()


def test_what_is_only_added_to_an_array_is_added_there_by_the_helper():
    before = """
        def f(%x: float64[n]) -> 0 {
          %d_x: float64[n] = copy@.copy %x ;adjoint
          %1: float64[n] = call g 2.0, %x, 1 ;adjoint
          add_into[where=''] %d_x, %1 ;adjoint
          %2: float64[n] = read %d_x ;adjoint
          yield %2
        }
    """
    after = """
        def f(%x: float64[n]) -> 0 {
          %d_x: float64[n] = copy@.copy %x ;adjoint
          call g 2.0, %x, 1, %d_x ;adjoint
          %0: float64[n] = read %d_x ;adjoint
          yield %0
        }
    """
    check(with_destinations, of(before, HELPER), of(after, HANDED), X)


def test_a_part_of_the_array_is_the_part_of_the_argument_and_zeros_are_made_in_front():
    before = """
        def f(%x: float64[n]) -> 0 {
          %0: float64[max(n-1, 0)] = index[where='b:'] %x, 1
          %1: float64[max(n-1, 0)] = call g 2.0, %0, 1 ;adjoint
          %d_x: float64[n] = zeros_like %x ;adjoint
          store[where='b:'] %d_x, %1, 1 ;adjoint
          add_into[where='i'] %d_x, 3.0, 0 ;adjoint
          %2: float64[n] = read %d_x ;adjoint
          yield %2
        }
    """
    after = """
        def f(%x: float64[n]) -> 0 {
          %0: float64[max(n-1, 0)] = index[where='b:'] %x, 1
          %d_x: float64[n] = zeros_like %x ;adjoint
          %1: float64[max(n-1, 0)] = index[where='b:'] %d_x, 1 ;adjoint
          call g 2.0, %0, 1, %1 ;adjoint
          add_into[where='i'] %d_x, 3.0, 0 ;adjoint
          %2: float64[n] = read %d_x ;adjoint
          yield %2
        }
    """
    check(with_destinations, of(before, HELPER), of(after, HANDED), X)


READ_BETWEEN = """
    %1: float64[n] = call g 2.0, %x, 1 ;adjoint
    %2: float64! = index[where='i'] %d_x, 1 ;adjoint
    add_into[where=''] %d_x, %1 ;adjoint
    add_into[where='i'] %d_x, %2, 0 ;adjoint
"""
CLEARED_BETWEEN = """
    %1: float64[n] = call g 2.0, %x, 1 ;adjoint
    store[where='i'] %d_x, 0.0, 1 ;adjoint
    add_into[where=''] %d_x, %1 ;adjoint
"""
GIVEN_ITSELF = """
    %2: float64[n] = read %d_x ;adjoint
    %1: float64[n] = call g 2.0, %2, 1 ;adjoint
    add_into[where=''] %d_x, %1 ;adjoint
"""
USED_TWICE = """
    %1: float64[n] = call g 2.0, %x, 1 ;adjoint
    add_into[where=''] %d_x, %1 ;adjoint
    add_into[where=''] %d_x, %1 ;adjoint
"""
TIMES = """
    %1: float64[n] = call g 2.0, %x, 1 ;adjoint
    %2: float64[n] = multiply 3.0, %1 ;adjoint
    add_into[where=''] %d_x, %2 ;adjoint
"""
STORED = """
    %1: float64[n] = call g 2.0, %x, 1 ;adjoint
    store[where=''] %d_x, %1 ;adjoint
"""


@pytest.mark.parametrize(
    "lines", [READ_BETWEEN, CLEARED_BETWEEN, GIVEN_ITSELF, USED_TWICE, TIMES, STORED]
)
def test_an_array_with_other_uses_is_not_passed_down(lines):
    text = f"""
        def f(%x: float64[n]) -> 0 {{
          %d_x: float64[n] = copy@.copy %x ;adjoint
          {textwrap.indent(textwrap.dedent(lines), " " * 10).strip()}
          %9: float64[n] = read %d_x ;adjoint
          yield %9
        }}
    """
    fn = program(of(text, HELPER))
    assert to_text(with_destinations(fn)) == to_text(fn)
    assert_same(result(with_destinations(fn), (X,)), result(fn, (X,)))


def test_a_call_that_cannot_take_a_destination_gets_zeros():
    text = """
        def f(%x: float64[n]) -> tuple(0: 0, 1: 1) {
          %d_x: float64[n] = copy@.copy %x ;adjoint
          %1: float64[n] = call g 2.0, %x, 1 ;adjoint
          %2: float64[n] = call g 3.0, %x, 2 ;adjoint
          add_into[where=''] %d_x, %1 ;adjoint
          %3: float64[n] = read %d_x ;adjoint
          yield %3, %2
        }
    """
    after = """
        def f(%x: float64[n]) -> tuple(0: 0, 1: 1) {
          %d_x: float64[n] = copy@.copy %x ;adjoint
          call g 2.0, %x, 1, %d_x ;adjoint
          %0: float64[n] = zeros_like %x ;adjoint
          call g 3.0, %x, 2, %0 ;adjoint
          %1: float64[n] = read %d_x ;adjoint
          yield %1, %0
        }
    """
    check(with_destinations, of(text, HELPER), of(after, HANDED), X)


def test_what_nobody_adds_to_anything_is_made_as_it_was():
    text = """
        def f(%x: float64[n]) -> 0 {
          %1: float64[n] = call g 2.0, %x, 1 ;adjoint
          yield %1
        }
    """
    unchanged(with_destinations, of(text, HELPER), X)


# ---- programs -------------------------------------------------------------------------------------


def tail(x):
    if len(x) == 0:
        return 0.5
    return np.sin(x[0]) * tail(x[1:])


def behind(x):
    if len(x) == 0:
        return 0.5
    return tail(x[1:]) * x[0] - behind(x[1:]) * x[-1]


def halves(x):
    if len(x) == 1:
        return x[0] ** 2
    k = len(x) // 2
    return halves(x[:k]) + np.sin(x[0]) * halves(x[k:])


def product_of_halves(x):
    if len(x) == 1:
        return x[0] ** 2
    k = len(x) // 2
    return product_of_halves(x[:k]) * product_of_halves(x[k:])


def strided(x):
    if len(x) < 2:
        return np.sum(x**2)
    return strided(x[::2]) * x[1] + strided(x[1::2])


def columns(x):
    return _columns(np.outer(x, x[:3]))


def _columns(A):
    if A.shape[1] == 0:
        return 1.0
    return _columns(A[:, 1:]) * np.sum(np.sin(A[:, 0])) + _columns(A[:, 2:])


def in_branches(x):
    return _in_branches(x, 4)


def _in_branches(x, k):
    if k == 0:
        return x[0]
    if x[k] > 0:
        return _in_branches(x, k - 1) * x[k] + np.cos(x[k])
    return _in_branches(x, k - 1) - _in_branches(x, k // 2) * x[k]


def in_loops(x):
    return _in_loops(x, 4)


def _in_loops(x, k):
    s = 0.0
    for i in range(k):
        s += _in_loops(x, i) * x[i] * x[k]
    return s + x[k]


def gathered(x):
    return _gathered(x, np.array([0, 2, 2, 4]), 2)


def _gathered(x, at, k):
    if k == 0:
        return np.sum(x[at])
    return np.sum(x[at] ** 2) * _gathered(x, at, k - 1) + _gathered(x, at[::-1], k - 1)


def of_a_written_array(x):
    return _of_a_written_array(x, 3)


def _of_a_written_array(x, k):
    y = x.copy()
    y[k] = y[k] * 2.0
    if k == 0:
        return np.sum(y * y)
    y[k - 1] += _of_a_written_array(y, k - 1) * 0.1
    return y[k - 1] + _of_a_written_array(x[1:], k - 1)


def bumps(x, i, w):
    s = 0.0
    for j in range(3):
        t = np.sin(x[i] * w[j])
        if t > 0:
            s += t**2 * x[i - 1]
        else:
            s -= t * w[j]
    return s


def helper_in_a_loop(x):
    s = 0.0
    for i in range(len(x)):
        s += bumps(x, i, x[1:]) * bumps(x, i - 1, x)
    return s


def helper_and_writes(x):
    y = x.copy()
    for _ in range(3):
        for i in range(len(x)):
            y[i] = y[i] * 0.5 + 0.1 * bumps(y, i, x)
        y[:2] += 0.1 * np.tanh(bumps(y, 0, x)) * bumps(y, 1, x)
    return np.sum(y * y)


def closure(x):
    def go(k):
        return x[0] if k == 0 else go(k - 1) * x[k] + np.sin(go(k - 2) if k > 1 else x[k])

    return go(len(x) - 1)


def two_arguments(x):
    return _two_arguments(x, x[::-1].copy(), 4)


def _two_arguments(x, y, k):
    if k == 0:
        return x[0] * y[0]
    return x[k] * _two_arguments(x, y, k - 1) + y[k] * _two_arguments(y, x, k - 1)


PROGRAMS = [
    tail,
    behind,
    halves,
    product_of_halves,
    strided,
    columns,
    in_branches,
    in_loops,
    gathered,
    of_a_written_array,
    helper_in_a_loop,
    helper_and_writes,
    closure,
    two_arguments,
]


def slope(f, x, v):
    h = 1e-6
    return (f(x + h * v) - f(x - h * v)) / (2 * h)


@pytest.mark.parametrize("f", PROGRAMS)
def test_gradients_of_such_programs_are_those_of_finite_differences(f):
    v = np.random.default_rng(1).normal(size=X.shape)
    g = srcdiff.value_and_grad(f, jit=False)
    value, d = g(X)
    assert "added to `d_" in g.source_for(X)
    np.testing.assert_allclose(value, f(X))
    np.testing.assert_allclose(np.sum(d * v), slope(f, X, v), rtol=1e-7)
    along = slope(srcdiff.grad(f, jit=False), X, v)
    np.testing.assert_allclose(srcdiff.hvp(f, jit=False)(X, v), along, rtol=1e-6, atol=1e-8)


@pytest.mark.long
def test_compiled_gradients_of_such_programs_are_those_of_numpy():
    for f in PROGRAMS[:4] + PROGRAMS[9:12]:
        np.testing.assert_allclose(
            srcdiff.grad(f, jit=True)(X), srcdiff.grad(f, jit=False)(X), rtol=1e-12
        )


@pytest.mark.slow
@pytest.mark.parametrize("f", PROGRAMS)
def test_each_compiled_gradient_is_that_of_numpy(f):
    v = np.random.default_rng(1).normal(size=X.shape)
    np.testing.assert_allclose(
        srcdiff.grad(f, jit=True)(X), srcdiff.grad(f, jit=False)(X), rtol=1e-12
    )
    np.testing.assert_allclose(
        srcdiff.hvp(f, jit=True)(X, v), srcdiff.hvp(f, jit=False)(X, v), rtol=1e-10
    )


def test_a_recursion_adds_to_one_array():
    source = srcdiff.grad(tail).source_for(X)
    expected = '''
    def tail_value_and_grad(d_out, x, d_x):
        """`tail` and its gradient with respect to `x`, times `d_out`, added to `d_x`."""
        # forward
        if len(x) == 0:
            return 0.5
        sine = np.sin(x[0])
        tail_value = tail_value_and_grad(d_out * sine, x[1:], d_x[1:])
        result = sine * tail_value

        # backward
        d_x[0] += d_out * tail_value * np.cos(x[0])
        return result
    '''
    assert textwrap.dedent(expected).strip() in source


def test_a_part_of_an_array_is_documented_as_a_part_of_the_argument():
    source = srcdiff.grad(lambda x: sum_of_halves(x)).source_for(X)
    expected = '''
    def sum_of_halves_backward(d_out, x, d_x):
        """Adjoint of `sum_of_halves` with respect to `x`, added to `d_x`."""
        n = len(x)
        if n == 1:
            d_x[0] += 2 * d_out * x[0]
        else:
            quotient = n // 2
            sum_of_halves_backward(d_out, x[quotient:], d_x[quotient:])
            sum_of_halves_backward(d_out, x[:quotient], d_x[:quotient])
    '''
    assert textwrap.dedent(expected).strip() in source


def sum_of_halves(x):
    n = len(x)
    if n == 1:
        return x[0] ** 2
    return sum_of_halves(x[: n // 2]) + sum_of_halves(x[n // 2 :])


def test_float32_stays_float32():
    x = X.astype(np.float32)
    for jit in (False, True):
        d = srcdiff.grad(tail, jit=jit)(x)
        assert d.dtype == np.float32
        np.testing.assert_allclose(d, srcdiff.grad(tail)(X), rtol=1e-5)


def test_a_long_recursion_takes_time_in_proportion(monkeypatch):
    made = []
    zeros = np.zeros_like
    monkeypatch.setattr(np, "zeros_like", lambda x: made.append(len(x)) or zeros(x))
    x = np.linspace(0.5, 1.5, 200)
    srcdiff.grad(tail, jit=False)(x)
    assert sum(made) <= len(x)
