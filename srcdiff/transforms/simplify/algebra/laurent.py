"""Laurent polynomials: sums of products of integer powers, also negative ones, so that `a * b / b` is `a`.

`polynomials` is for expressions that are written down, so it keeps their domains. Here two expressions are equal if
they are equal where both are defined. A monomial is the set of its pairs (factor, power). A factor is any hashable
object, with the axes along which it varies.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from fractions import Fraction

Factor = tuple[Hashable, tuple[int, ...]]
Monomial = frozenset[tuple[Factor, int]]
Sum = Mapping[Monomial, Fraction]

LIMIT = 16  # terms, and factors of a term

_ONE: Monomial = frozenset()


def number(value: float) -> Sum:
    return {_ONE: Fraction(value)} if value else {}


def atom(key: Factor) -> Sum:
    return {frozenset(((key, 1),)): Fraction(1)}


def plus(p: Sum, q: Sum, factor: int = 1) -> Sum | None:
    """`p + factor * q`; None where there are too many terms."""
    out = dict(p)
    for monomial, c in q.items():
        total = out.pop(monomial, 0) + factor * c
        if total:
            out[monomial] = Fraction(total)
    return out if len(out) <= LIMIT else None


def times(p: Sum, q: Sum) -> Sum | None:
    if len(p) * len(q) > LIMIT:
        return None
    out: dict[Monomial, Fraction] = {}
    for m, c in p.items():
        for n, k in q.items():
            both = _joined(m, n)
            if len(both) > LIMIT:
                return None
            total = out.pop(both, 0) + c * k
            if total:
                out[both] = Fraction(total)
    return out


def plus_product(p: Sum | None, q: Sum, r: Sum) -> Sum | None:
    """`p + q * r`."""
    product = times(q, r)
    return None if p is None or product is None else plus(p, product)


def inverse(p: Sum) -> Sum | None:
    """`1 / p`; None for sums and for zero."""
    if len(p) != 1:
        return None
    ((monomial, c),) = p.items()
    return {frozenset((a, -k) for a, k in monomial): 1 / c}


def powered(p: Sum, exponent: int) -> Sum | None:
    """A small power of one term; None for sums."""
    if len(p) != 1 or not -4 <= exponent <= 4:
        return None
    ((monomial, c),) = p.items()
    return {frozenset((a, k * exponent) for a, k in monomial if exponent): c**exponent}


def moved(p: Sum, where: Callable[[int], int]) -> Sum:
    """The same sum with other axes; the axes of sums inside factors stay."""

    def factor(f: Factor) -> Factor:
        return f[0], tuple(map(where, f[1]))

    return {frozenset((factor(f), k) for f, k in m): c for m, c in p.items()}


def placed(p: Sum, where: Mapping[int, int]) -> Sum | None:
    """The same sum with other axes; None where the sum varies along an axis that has no place.

    An axis of length 1 may be one along which a factor varies, if the length of the factor is known by a symbol.
    """
    axes = {axis for monomial in p for (_, own), _ in monomial for axis in own}
    return moved(p, where.__getitem__) if axes <= where.keys() else None


def _joined(m: Monomial, n: Monomial) -> Monomial:
    if not m or not n:
        return m or n
    powers: dict[Factor, int] = dict(m)
    for a, k in n:
        powers[a] = powers.get(a, 0) + k
    return frozenset((a, k) for a, k in powers.items() if k)
