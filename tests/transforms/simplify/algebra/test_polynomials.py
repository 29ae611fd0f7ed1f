"""Polynomials: the expression of a polynomial has the polynomial's value, in rational numbers."""

from __future__ import annotations

import math
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from srcdiff.transforms.simplify.algebra import polynomials
from srcdiff.transforms.simplify.algebra.polynomials import Layout, Polynomial, Tree

ATOMS = 6  # their numbers are those of coefficients and divisors, too
atoms = st.integers(0, ATOMS - 1)
coefficients = st.fractions(-6, 6, max_denominator=6).filter(bool)
factors = st.dictionaries(atoms, st.integers(1, 3), max_size=3).map(
    lambda d: tuple(sorted(d.items()))
)
sums = st.dictionaries(st.tuples(factors, factors), coefficients, min_size=1, max_size=4)
products = st.dictionaries(st.tuples(factors, st.just(())), coefficients, min_size=1, max_size=1)
points = st.lists(
    st.fractions(-5, 5, max_denominator=7).filter(bool), min_size=ATOMS, max_size=ATOMS
)
layouts = st.lists(st.integers(0, 2), min_size=ATOMS, max_size=ATOMS).map(lambda s: Layout(s, {}))


def value(p: Polynomial, at: list[Fraction]) -> Fraction:
    def product(powers) -> Fraction:
        return math.prod((at[a] ** k for a, k in powers), start=Fraction(1))

    return sum(
        (c * product(above) / product(below) for (above, below), c in p.items()), Fraction(0)
    )


def evaluate(tree: Tree, at: list[Fraction]) -> Fraction:
    if isinstance(tree, Fraction):
        return tree
    if isinstance(tree, int):
        return at[tree]
    name, parts = tree
    first, *rest = (evaluate(p, at) for p in parts)
    match name:
        case "negative":
            return -first
        case "add":
            return first + rest[0]
        case "subtract":
            return first - rest[0]
        case "multiply":
            return first * rest[0]
        case "divide":
            return first / rest[0]
        case "power":
            return first ** int(rest[0])
    raise AssertionError(name)


@settings(max_examples=300)
@given(p=sums, at=points, layout=layouts)
def test_what_is_written_has_the_value(p, at, layout) -> None:
    assert evaluate(polynomials.express(p, layout), at) == value(p, at)


@settings(max_examples=200)
@given(p=sums, q=sums, divisor=products, at=points, nonzero=st.sets(atoms))
def test_arithmetic_is_exact(p, q, divisor, at, nonzero) -> None:
    x, y, z = (value(form, at) for form in (p, q, divisor))
    assert value(polynomials.plus(p, q), at) == x + y
    assert value(polynomials.negated(p), at) == -x
    assert value(polynomials.shortened(p, nonzero), at) == x
    for found, expected in (
        (polynomials.times(p, q), x * y),
        (polynomials.divided(p, divisor), x / z),
        (polynomials.powered(divisor, 3), z**3),
    ):
        assert found is None or value(found, at) == expected


@settings(max_examples=200)
@given(p=sums, by=products, atom=atoms, at=points)
def test_an_atom_may_be_replaced_by_what_it_is(p, by, atom, at) -> None:
    """The atom has the value of the product, which does not mention it."""
    (((above, below), c),) = by.items()
    by = {(tuple(f for f in above if f[0] != atom), below): c}
    at = [value(by, at) if k == atom else x for k, x in enumerate(at)]
    for found in (polynomials.divided_once(p, atom, by), polynomials.replaced(p, atom, by)):
        assert found is None or value(found, at) == value(p, at)
