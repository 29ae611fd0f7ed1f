"""Affine subscripts: integers of the IR as sums of loop indices and other integers times constants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from srcdiff.ir.core import Op, Statement
from srcdiff.ir.types import ndim_of
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.arrays import memory
from srcdiff.ops.core.index_patterns import items
from srcdiff.ops.elementwise import arithmetic

# the accesses to elements
ELEMENT_ACCESSES = (memory.index, memory.store, memory.add_into)


def is_element(op: Op) -> bool:
    """Whether a subscript consists of integers only."""
    return set(items(op.attrs["where"])) == {"i"}


def subscripts(s: Statement) -> tuple[Atom, ...]:
    """The subscript by which a statement reads or writes one element of an array; empty for other statements."""
    if not isinstance(s, Op) or s.decl not in ELEMENT_ACCESSES or not is_element(s):
        return ()
    at = s.operands[1 if s.decl is memory.index else 2 :]
    return at if len(at) == ndim_of(s.operands[0].type) else ()


@dataclass(frozen=True)
class Affine:
    """`const + sum(coefficient * value)`."""

    const: int = 0
    terms: Mapping[Value, int] = field(default_factory=dict)

    def plus(self, other: Affine, sign: int = 1) -> Affine:
        total = dict(self.terms)
        for v, k in other.terms.items():
            total[v] = total.get(v, 0) + sign * k
        return Affine(self.const + sign * other.const, {v: k for v, k in total.items() if k})

    def minus(self, other: Affine) -> Affine:
        return self.plus(other, -1)

    def times(self, factor: int) -> Affine:
        """`factor` times the expression; the factor is not 0."""
        return Affine(self.const * factor, {v: k * factor for v, k in self.terms.items()})

    @property
    def known(self) -> int | None:
        """The number, if the expression is a constant."""
        return None if self.terms else self.const

    def values(self) -> Iterator[Value]:
        return iter(self.terms)


def affine(atom: Atom, maker: Mapping[Atom, Statement]) -> Affine:
    """The atom as an affine expression of values that are not sums themselves (indices, arguments, loads)."""
    if isinstance(atom, Const):
        return Affine(int(atom.value))
    made = maker.get(atom)
    if (
        isinstance(made, Op)
        and len(made.operands) == 2
        and made.decl in (arithmetic.add, arithmetic.subtract)
    ):
        left, right = (affine(a, maker) for a in made.operands)
        return left.plus(right, 1 if made.decl is arithmetic.add else -1)
    if isinstance(made, Op) and made.decl is arithmetic.negative:
        return Affine().minus(affine(made.operands[0], maker))
    return Affine(0, {atom: 1})
