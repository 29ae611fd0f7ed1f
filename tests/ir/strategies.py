"""Hypothesis strategies for the IR."""

from __future__ import annotations

from hypothesis import strategies as st

from srcdiff.ir.types import Clamp, Dim, product_of, quotient_of

SYMBOLS = ("n", "m", "k1", "x*")

small = st.integers(-3, 3)


def affine(symbols):
    """`const + sum(coefficient * symbol)`, built by the algebra itself."""

    def build(const, terms):
        return sum((Dim.of(s).scaled(k) for s, k in terms), Dim(const))

    return st.builds(build, small, st.lists(st.tuples(symbols, small), max_size=3))


names = st.sampled_from(SYMBOLS)
products = st.lists(names, min_size=2, max_size=3).map(
    lambda symbols: product_of([Dim.of(s) for s in symbols]).terms[0][0]
)
quotients = st.builds(quotient_of, affine(names), st.integers(2, 4))
terms = affine(st.one_of(names, affine(names).map(Clamp), products))
dims = st.builds(lambda d, q, k: d + q.scaled(k), terms, quotients, small)

# what symbols stand for: lengths, never negative
lengths = st.fixed_dictionaries({s: st.integers(0, 5) for s in SYMBOLS})
