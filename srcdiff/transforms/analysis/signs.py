"""Sign analysis: which signs the elements of a value may have, for all arguments.

An abstract interpretation (Cousot and Cousot, POPL 1977) over the subsets of {negative, zero, positive}. Elements that
are not a number are not counted, and a value that underflows counts with the sign that it has in exact arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Flag, auto
from functools import reduce
from operator import or_

from srcdiff.ir.core import Op, OpDecl
from srcdiff.ir.types import Array, Scalar
from srcdiff.ir.values import Atom, Const
from srcdiff.ops.arrays import reductions
from srcdiff.ops.core.scalar_spellings import choose
from srcdiff.ops.elementwise import arithmetic, elementary
from srcdiff.ops.linalg import products
from srcdiff.transforms.analysis.reachability import postorder


class Sign(Flag):
    """A set of signs."""

    NEGATIVE = auto()
    ZERO = auto()
    POSITIVE = auto()


NONE = Sign(0)
ANY = Sign.NEGATIVE | Sign.ZERO | Sign.POSITIVE
AT_LEAST_ZERO = Sign.ZERO | Sign.POSITIVE
AT_MOST_ZERO = Sign.ZERO | Sign.NEGATIVE

_NAMED = {"positive": Sign.POSITIVE, "at least 0": AT_LEAST_ZERO, "zero": Sign.ZERO}
_OF_NUMBER = {-1: Sign.NEGATIVE, 0: Sign.ZERO, 1: Sign.POSITIVE}


class Signs:
    """The signs of values, from the operations that make them.

    made : the operation that makes each value.
    known : the signs of values that no operation makes; any, where there is none.
    """

    def __init__(self, made: Mapping[Atom, Op], known: Mapping[Atom, Sign] | None = None) -> None:
        self.made = made
        self.found: dict[Atom, Sign] = dict(known or {})

    def of(self, atom: Atom) -> Sign:
        for a in postorder(atom, self.operands, self.found):
            self.found[a] = self.made_of(a)
        return self.found[atom]

    def operands(self, atom: Atom) -> Sequence[Atom]:
        op = self.made.get(atom)
        return () if op is None else op.operands

    def made_of(self, atom: Atom) -> Sign:
        op = self.made.get(atom)
        if op is None:
            return of_constant(atom) if isinstance(atom, Const) else ANY
        return of_operation(op, [self.found[a] for a in op.operands])


def of_constant(atom: Const) -> Sign:
    value = atom.value
    is_real = isinstance(value, int | float) and value == value
    return _OF_NUMBER[(value > 0) - (value < 0)] if is_real else ANY


def of_operation(op: Op, signs: Sequence[Sign]) -> Sign:
    """The signs of the result, from those of the operands."""
    if len(op.results) != 1 or not _is_ordered(op):
        return ANY
    transfer = _TRANSFER.get(op.decl)
    if transfer is not None:
        return transfer(op, signs)
    if op.decl.sign == "of operands" or op.decl.place is not None:
        return joined(s for s, a in zip(signs, op.operands, strict=True) if _has_elements(a, op))
    if op.decl.sign == "of sums":  # of no elements, too
        return Sign.ZERO | signs[0]
    return _NAMED.get(op.decl.sign, ANY)


def joined(signs: Iterable[Sign]) -> Sign:
    return reduce(or_, signs, NONE)


def _is_ordered(op: Op) -> bool:
    return not getattr(op.result.type, "dtype", "").startswith("complex")


def _has_elements(a: Atom, op: Op) -> bool:
    """Whether an operand has elements of the result, and is no index."""
    if a is op.operands[0]:
        return True
    if not isinstance(op.result.type, Array | Scalar):
        return True
    return isinstance(a.type, Array | Scalar) and a.type.dtype == op.result.type.dtype


def _each(signs: Sign) -> list[Sign]:
    return [s for s in Sign if s & signs]


def sum_of(x: Sign, y: Sign) -> Sign:
    """The signs of a sum of values of these signs."""

    def one(a: Sign, b: Sign) -> Sign:
        if Sign.ZERO in (a, b):
            return a | b if a is b else (a | b) & ~Sign.ZERO
        return a if a is b else ANY

    return joined(one(a, b) for a in _each(x) for b in _each(y))


def minus(x: Sign) -> Sign:
    out = x & Sign.ZERO
    out |= Sign.POSITIVE if x & Sign.NEGATIVE else NONE
    return out | (Sign.NEGATIVE if x & Sign.POSITIVE else NONE)


def _product(x: Sign, y: Sign) -> Sign:
    def one(a: Sign, b: Sign) -> Sign:
        if Sign.ZERO in (a, b):
            return Sign.ZERO
        return Sign.POSITIVE if a is b else Sign.NEGATIVE

    return joined(one(a, b) for a in _each(x) for b in _each(y))


def _of_multiply(op: Op, signs: Sequence[Sign]) -> Sign:
    x, y = signs
    if op.operands[0] is op.operands[1]:
        return _square(x)
    return _product(x, y)


def _square(x: Sign) -> Sign:
    return (x & Sign.ZERO) | (Sign.POSITIVE if x & ~Sign.ZERO else NONE)


def _of_divide(op: Op, signs: Sequence[Sign]) -> Sign:
    """A quotient by 0 is infinite, with the sign of the numerator where the divisor is at least 0."""
    x, y = signs
    if y in AT_LEAST_ZERO:
        return _product(x, Sign.POSITIVE)
    return _product(x, ANY & ~Sign.ZERO if y & Sign.ZERO else y)


def _of_power(op: Op, signs: Sequence[Sign]) -> Sign:
    base, n = signs[0], getattr(op.operands[1], "value", None)
    if isinstance(n, int | float) and n % 2 == 0:
        return _square(base) if n > 0 else Sign.POSITIVE
    if base is Sign.POSITIVE:
        return base
    return AT_LEAST_ZERO if base in AT_LEAST_ZERO else ANY


def _of_maximum(op: Op, signs: Sequence[Sign]) -> Sign:
    x, y = signs
    return joined(max(a, b, key=_order) for a in _each(x) for b in _each(y))


def _of_minimum(op: Op, signs: Sequence[Sign]) -> Sign:
    x, y = signs
    return joined(min(a, b, key=_order) for a in _each(x) for b in _each(y))


def _order(sign: Sign) -> int:
    return [Sign.NEGATIVE, Sign.ZERO, Sign.POSITIVE].index(sign)


_TRANSFER: dict[OpDecl, Callable[[Op, Sequence[Sign]], Sign]] = {
    arithmetic.add: lambda _, s: sum_of(*s),
    arithmetic.subtract: lambda _, s: sum_of(s[0], minus(s[1])),
    arithmetic.multiply: _of_multiply,
    arithmetic.divide: _of_divide,
    arithmetic.negative: lambda _, s: minus(s[0]),
    arithmetic.power: _of_power,
    arithmetic.maximum: _of_maximum,
    arithmetic.minimum: _of_minimum,
    elementary.square: lambda _, s: _square(s[0]),
    arithmetic.absolute: lambda _, s: _square(s[0]),
    elementary.sqrt: lambda _, s: s[0] & AT_LEAST_ZERO,  # of what is negative: no number
    elementary.where: lambda _, s: s[1] | s[2],
    choose: lambda _, s: s[1] | s[2],
    reductions.prod: lambda _, s: s[0] | Sign.POSITIVE if s[0] in AT_LEAST_ZERO else ANY,
    products.matmul: lambda _, s: _product(*s) | Sign.ZERO,
    products.dot: lambda _, s: _product(*s) | Sign.ZERO,
}
