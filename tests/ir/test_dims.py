"""Which axes are equal, of length 1, or unknown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from srcdiff.ir.dims import ShapeMismatch, Shapes, settling
from srcdiff.ir.types import Dim, product_of, quotient_of

n, m, q, ONE = Dim.of("n"), Dim.of("m"), Dim.of("q"), Dim(1)


def test_length_one_broadcasts():
    shapes = Shapes(rigid={"n", "m"})
    assert shapes.broadcast([(n, ONE), (m,)]) == (n, m)
    assert shapes.broadcast([(ONE,), (n, m)]) == (n, m)
    assert shapes.broadcast([(), (ONE, ONE), ()]) == (ONE, ONE)
    assert shapes.bindings == {}


def test_axes_of_arguments_that_meet_are_equal():
    shapes = Shapes(rigid={"n", "m"})
    (axis,) = shapes.broadcast([(n,), (m,)])
    assert shapes.same(n, m)
    assert shapes.resolve(axis) == shapes.resolve(n) == shapes.resolve(m)
    assert shapes.resolve(m - 1) == shapes.resolve(axis) - 1


def test_an_axis_that_meets_a_number_is_that_number():
    shapes = Shapes(rigid={"n"})
    assert shapes.broadcast([(n,), (Dim(3),)]) == (Dim(3),)
    assert shapes.resolve(n) == Dim(3)


def test_a_constant_axis_meeting_an_axis_of_an_argument_in_any_order():
    shapes = Shapes(rigid={"n"})
    assert shapes.broadcast([(Dim(3),), (n,)]) == (Dim(3),)
    assert shapes.resolve(n) == Dim(3)


def test_numbers_that_differ_do_not_broadcast():
    with pytest.raises(ShapeMismatch, match="2 and 3 differ"):
        Shapes().broadcast([(Dim(2),), (Dim(3),)])


def test_must_equal_is_transitive():
    shapes = Shapes(rigid={"n", "m", "q"})
    shapes.must_equal(n, m)
    shapes.must_equal(m, q)
    assert shapes.same(n, q)
    shapes.must_equal(q, Dim(4))
    assert [shapes.resolve(d).const for d in (n, m, q)] == [4, 4, 4]


def test_an_axis_of_an_argument_is_not_taken_for_length_one():
    shapes = Shapes(rigid={"n"})
    shapes.must_equal(n, ONE)
    assert shapes.bindings == {}


def test_a_derived_length_stays_open_where_the_program_does_not_decide():
    shapes = Shapes(rigid={"n"})
    assert shapes.broadcast([((n - 1).clamped(),), (n,)]) == (n,), (
        "n is not 1, so the result has its length"
    )
    (unknown,) = shapes.broadcast([((n - 1).clamped(),), (q,)])
    assert unknown.symbol is not None
    assert unknown not in (n, q)


def test_actual_lengths_decide_and_are_noted():
    shapes = Shapes(rigid={"n"}, actual={"n": 4, "q": 3})
    assert shapes.broadcast([((n - 1).clamped(),), (q,)]) == ((n - 1).clamped(),)
    assert shapes.assumptions == [((n - 1).clamped(), q)]


def test_an_actual_length_of_one_broadcasts():
    shapes = Shapes(actual={"q": 1, "m": 5})
    assert shapes.broadcast([(q,), (m,)]) == (m,)
    assert shapes.assumptions == [(q, ONE)]
    assert shapes.broadcast([(m,), (q,)]) == (m,)


def test_actual_lengths_that_do_not_fit():
    with pytest.raises(ShapeMismatch, match="do not broadcast"):
        Shapes(actual={"q": 2, "m": 5}).broadcast([(q,), (m,)])


def test_fresh_symbols_differ():
    shapes = Shapes(others=lambda: {"k1", "i"})
    fresh = {shapes.fresh(hint).symbol for hint in ("k", "k", "i", "k")}
    assert len(fresh) == 4
    assert not fresh & {"k1", "i"}


def test_a_hint_that_was_given_as_a_symbol_is_not_given_again():
    shapes = Shapes(others=lambda: {"k"})
    assert shapes.fresh("k").symbol == "k1"
    assert shapes.fresh("k1").symbol != "k1"


@pytest.mark.long
@given(st.lists(st.lists(st.integers(1, 3), max_size=3), max_size=3))
def test_known_lengths_broadcast_as_in_numpy(shapes):
    try:
        expected = np.broadcast_shapes(*map(tuple, shapes))
    except ValueError:
        with pytest.raises(ShapeMismatch):
            Shapes().broadcast([tuple(map(Dim, s)) for s in shapes])
        return
    assert Shapes().broadcast([tuple(map(Dim, s)) for s in shapes]) == tuple(map(Dim, expected))


def test_products_of_lengths_are_lengths():
    size = product_of([n, m])
    assert product_of([m, n]) == size and str(size) == "prod(m, n)"
    assert product_of([size, q]) == product_of([n, product_of([m, q])])
    assert product_of([n.scaled(2), Dim(3), m]) == size.scaled(6)
    assert product_of([Dim(4), ONE]) == Dim(4) and product_of([n, Dim(0)]) == Dim(0)
    assert size.substitute({"n": Dim(3)}) == m.scaled(3)
    assert size.evaluate({"n": 3, "m": 5}) == 15 and size.symbols() == {"n", "m"}
    assert product_of([n + 1, m]).evaluate({"n": 3, "m": 5}) == 20


def test_products_of_axes_that_are_not_one_are_not_one():
    shapes = Shapes(rigid={"n"}, axes={"m"})
    assert shapes.not_one(product_of([n, m])) and not shapes.not_one(product_of([m, m]))
    assert shapes.is_sum_of_lengths(product_of([n, m]) + n)
    assert not shapes.is_sum_of_lengths(product_of([n, m]) - 1)


def test_products_that_are_equal_now_have_equal_factors():
    shapes = Shapes(rigid={"n", "m", "q"}, actual={"n": 3, "m": 5, "q": 5, "p": 15})
    shapes.broadcast([(product_of([n, m]),), (product_of([q, n]),)])
    assert shapes.assumptions == [(m, q)]
    shapes.broadcast([(product_of([n, m]),), (Dim.of("p"),)])
    assert shapes.assumptions[1:] == [(product_of([n, m]), Dim.of("p"))]


def test_what_was_assumed_settles_lengths():
    settled = settling([(n, m), (ONE, q), (m - 1, Dim.of("p"))])
    assert settled(n) == m and settled(q) == ONE and settled(m - 1) == Dim.of("p")
    assert settled(product_of([n, q])) == m


def test_quotients_of_lengths_are_known():
    half = quotient_of(n, 2)
    assert quotient_of(n.scaled(2) + 3, 2) == n + 1 and quotient_of(n + 2, 2) == half + 1
    assert half.substitute({"n": m.scaled(4) + 1}) == m.scaled(2)
    shapes = Shapes(rigid={"n", "m"}, actual={"n": 7, "m": 7})
    assert shapes.is_at_least_zero(n - half) and shapes.is_at_least_zero(n - half.scaled(2))
    assert not shapes.is_at_least_zero(half - 1)
    shapes.broadcast([(half,), (quotient_of(m, 2),)])
    assert shapes.assumptions == [(n, m)]
    assert (half - 1).clamped() != half - 1 and quotient_of(-n, 2).clamped() != quotient_of(-n, 2)
