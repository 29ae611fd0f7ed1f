"""The algebra of lengths, tested against evaluation, and questions about types."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srcdiff.ir.types import (
    BOOL,
    FLOAT,
    INT,
    NONE,
    Array,
    Clamp,
    Dim,
    List,
    Scalar,
    Static,
    Struct,
    as_dim,
    dims_of,
    element_type,
    is_float,
    is_numeric,
    map_dims,
    ndim_of,
    product_of,
    quotient_of,
    shape_of,
    strip,
)
from tests.ir.strategies import SYMBOLS, dims, lengths, small

n, m = Dim.of("n"), Dim.of("m")
N = Array("float64", (n,))


# ---- lengths -------------------------------------------------------------------------------------


@given(dims, dims, lengths)
def test_sums_and_differences(a, b, env):
    assert (a + b).evaluate(env) == a.evaluate(env) + b.evaluate(env)
    assert (a - b).evaluate(env) == a.evaluate(env) - b.evaluate(env)
    assert (-a).evaluate(env) == -a.evaluate(env)


@given(dims, small, lengths)
def test_multiples(a, k, env):
    assert a.scaled(k).evaluate(env) == k * a.evaluate(env)
    assert (a + k).evaluate(env) == a.evaluate(env) + k


@given(dims, lengths)
def test_clamping(a, env):
    assert a.clamped().evaluate(env) == max(a.evaluate(env), 0)


@given(dims, st.integers(0, 3), lengths)
def test_clamping_what_was_clamped(a, k, env):
    assert (a.clamped() - k).clamped().evaluate(env) == max(a.evaluate(env) - k, 0)


@given(
    dims,
    st.fixed_dictionaries({}, optional={s: st.integers(0, 3).map(Dim) for s in SYMBOLS}),
    lengths,
)
def test_substituting_numbers(a, bindings, env):
    assert a.substitute(bindings).evaluate(env) == a.evaluate(
        {**env, **{s: d.const for s, d in bindings.items()}}
    )


@given(dims, lengths)
def test_substituting_lengths(a, env):
    assert a.substitute({"n": m + 1}).evaluate(env) == a.evaluate({**env, "n": env["m"] + 1})


@given(dims, dims, dims)
def test_equal_sums_are_equal_objects(a, b, c):
    assert (a + b) + c == c + (b + a)
    assert a - a == Dim()
    assert hash(a + b) == hash(b + a)


@given(dims, lengths)
def test_the_symbols_are_all_that_evaluation_needs(a, env):
    assert a.evaluate({s: env[s] for s in a.symbols()}) == a.evaluate(env)
    assert a.is_const is (not a.terms)


def test_an_unknown_symbol_cannot_be_evaluated():
    with pytest.raises(KeyError):
        n.evaluate({})


def test_a_bare_symbol_differs_from_expressions():
    assert n.symbol == "n"
    assert [d.symbol for d in (n + 1, n.scaled(2), Dim(3), Dim.of(Clamp(n)), n + m)] == [None] * 5


def test_lengths_need_no_clamp_and_tails_of_tails_have_one():
    assert n.clamped() == n
    assert (n + 1).clamped() == n + 1
    assert ((n - 1).clamped() - 1).clamped() == (n - 2).clamped()


@pytest.mark.parametrize(
    ("dim", "text"),
    [
        (Dim(), "0"),
        (Dim(-2), "-2"),
        (n, "n"),
        (n - 1, "n-1"),
        (m.scaled(-2) + n + 3, "-2*m+n+3"),
        ((n - 1).clamped(), "max(n-1, 0)"),
        (product_of([n + 1, m]).scaled(2) - 3, "2*prod(m, n+1)-3"),
        (quotient_of(n.scaled(4) + m + 5, 2), "div(m+1, 2)+2*n+2"),
    ],
)
def test_lengths_as_text(dim, text):
    assert str(dim) == text


def test_numbers_are_lengths():
    assert as_dim(3) == Dim(3)
    assert as_dim(n) is n


# ---- types ---------------------------------------------------------------------------------------

PAIR = Struct("tuple", (0, 1), (N, Scalar("int64", True, n)))


def test_shapes():
    assert shape_of(N) == (n,)
    assert shape_of(FLOAT) == ()
    assert ndim_of(Array("float64", (n, m))) == 2


def test_lengths_in_a_type():
    assert dims_of(PAIR) == (n, n)
    assert dims_of(FLOAT) == dims_of(NONE) == dims_of(List(N)) == ()


def test_changing_lengths_reaches_everything():
    changed = map_dims(Struct("dict", ("a", "b", "c"), (PAIR, List(N), NONE)), lambda d: d + 1)
    assert (
        str(changed)
        == "dict('a': tuple(0: float64[n+1], 1: int64{n+1}), 'b': list(float64[n+1]), 'c': static(None))"
    )


def test_stripping_forgets_what_is_known_of_integers_only():
    assert strip(PAIR) == Struct("tuple", (0, 1), (N, INT))
    assert strip(N) is N


@pytest.mark.parametrize(
    ("type_", "answer"),
    [
        (FLOAT, True),
        (INT, False),
        (BOOL, False),
        (Scalar("complex128"), True),
        (N, True),
        (PAIR, True),
        (Struct("tuple", (0,), (INT,)), False),
        (List(N), True),
        (List(INT), False),
        (Static("a"), False),
    ],
)
def test_which_types_have_derivatives(type_, answer):
    assert is_float(type_) is answer


def test_numbers_and_elements():
    assert is_numeric(N)
    assert is_numeric(FLOAT)
    assert not is_numeric(NONE)
    assert element_type(N) == Scalar("float64", False)
    assert element_type(FLOAT) == FLOAT
