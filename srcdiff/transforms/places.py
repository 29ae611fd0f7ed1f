"""Where the value of each turn is put: the leading axes of an array that has room for all turns.

    for i in range(n):                      axis of i: n places, `ts[i, j]`
        for j in range(i, n):               axis of j: n places too, since the outermost loop allocates
            t = ...

A length has to be known in front of the outermost loop, so an outer index in a bound is taken at its largest (a
triangle has room for all). Where that cannot be said, there are no axes, and a list has to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from srcdiff.ir.build import Builder, Env, lookup
from srcdiff.ir.core import Atom, Const, For, Op, Value, const
from srcdiff.ir.types import Dim, Scalar, dims_of
from srcdiff.ops import arithmetic, memory
from srcdiff.transforms.affine import Affine, affine
from srcdiff.transforms.loads import Loop, Program

__all__ = ["Axis", "Places", "room", "total"]


@dataclass(frozen=True)
class Axis:
    """One leading axis of an array of stored values: its length, and where the turn with a given index puts
    its value.
    """

    length: Affine
    first: Affine  # the index whose value is at position 0

    def position(self, index: Atom, b: Builder, env: Env, ahead: int = 0) -> Atom:
        turn = Affine(0, {index: 1} if isinstance(index, Value) else {})
        return total(b, turn.plus(Affine(ahead)).minus(self.first), env)


@dataclass
class Places:
    """The axes of loops, and what their lengths are computed from."""

    program: Program
    lengths: dict[Value, Op] = field(
        default_factory=dict
    )  # lengths of arrays that bounds turned out to be

    @cached_property
    def known_symbols(self) -> frozenset[str]:
        """Symbols of lengths that are known everywhere: those of the function's parameters."""
        params = self.program.top.params
        return frozenset(s for p in params for d in dims_of(p.type) for s in d.symbols())

    def is_known(self, dim: Dim) -> bool:
        return dim.symbols() <= self.known_symbols

    def axes(self, loops: Sequence[Loop], ahead: bool) -> list[Axis] | None:
        """An axis for each loop, from the outside; None where one has none.

        With `ahead`, the innermost has a place for what is behind the last turn as well.
        """
        out: list[Axis] = []
        for loop in loops:
            axis = self.axis(loop)
            if axis is None:
                return None
            out.append(axis)
        if ahead:
            innermost = loops[-1]
            assert isinstance(innermost, For)
            first = affine(innermost.start, self.program.maker)
            out[-1] = replace(out[-1], length=self.turns(innermost), first=first)
        return out

    def turns(self, loop: For) -> Affine:
        """Room for the values at the start of each turn and the one behind the last."""
        stop, start = self.outside(loop.stop, highest=True), self.outside(loop.start, highest=False)
        assert stop is not None and start is not None
        return stop.minus(start).plus(Affine(1))

    def axis(self, loop: Loop) -> Axis | None:
        if not isinstance(loop, For) or not isinstance(loop.step, Const) or loop.step.value == 0:
            return None
        step = int(loop.step.value)
        start, stop = affine(loop.start, self.program.maker), affine(loop.stop, self.program.maker)
        low, high = (loop.start, loop.stop) if step > 0 else (loop.stop, loop.start)
        top = self.outside(high, highest=True)
        if top is None:
            return None
        if step < 0:
            below = stop.known
            is_near_zero = below is not None and below >= -1
            return Axis(top.plus(Affine(1)), Affine()) if is_near_zero else None
        if step <= 2 and self.starts_low(loop, start):
            return Axis(top, Affine())
        bottom = self.outside(low, highest=False)
        if bottom is None or any(not self.program.is_top(v) for v in start.values()):
            return None
        return Axis(top.minus(bottom), start) if step == 1 else None

    def starts_low(self, loop: For, start: Affine) -> bool:
        """Whether the indices themselves serve as places: they start near 0, or at an outer index (a triangle
        has room for all).
        """
        if start.known is not None:
            return 0 <= start.known <= 2
        lowest = self.outside(loop.start, highest=False)
        return lowest is not None and lowest.known is not None and 0 <= lowest.known <= 2

    def outside(self, atom: Atom, highest: bool) -> Affine | None:
        """A bound in terms of what is known in front of the loops; an outer index is taken at its largest
        (smallest) value.
        """
        bound = affine(atom, self.program.maker)
        out = Affine(bound.const)
        for value, k in bound.terms.items():
            term = self.known_term(value, highest == (k > 0))
            if term is None:
                return None
            out = out.plus(term.times(k))
        return out

    def known_term(self, value: Value, highest: bool) -> Affine | None:
        """One value of a bound: itself, the end of the range that it runs through, or the length that it is."""
        if self.program.is_top(value):
            return Affine(0, {value: 1})
        loop = self.program.loop_of(value)
        return self.extreme(loop, highest) if loop is not None else self.by_length(value)

    def extreme(self, loop: For, highest: bool) -> Affine | None:
        """The largest (smallest) value of a loop's index."""
        if not isinstance(loop.step, Const):
            return None
        upwards = loop.step.value > 0
        if highest == upwards:
            last = self.outside(loop.stop, highest)
            return None if last is None else last.plus(Affine(-1 if upwards else 1))
        return self.outside(loop.start, highest)

    def by_length(self, value: Value) -> Affine | None:
        known = value.type.expr if isinstance(value.type, Scalar) else None
        if known is None or not self.is_known(known):
            return None
        made = Op(memory.length, (), (Value(value.type),), {"dim": known}, None, "compiler")
        self.lengths[made.results[0]] = made
        return Affine(0, {made.results[0]: 1})


# ---- as operations ----------------------------------------------------------------------------------


def total(b: Builder, amount: Affine, env: Env) -> Atom:
    """An affine expression as operations."""
    out: Atom | None = None
    for value, k in amount.terms.items():
        atom = lookup(env, value)
        term: Atom = atom if abs(k) == 1 else b.op(arithmetic.multiply, const(abs(k)), atom)
        if out is None:
            out = term if k > 0 else b.op(arithmetic.negative, term)
        else:
            out = b.op(arithmetic.add if k > 0 else arithmetic.subtract, out, term)
    if out is None:
        return const(amount.const)
    if amount.const == 0:
        return out
    sign = arithmetic.add if amount.const > 0 else arithmetic.subtract
    return b.op(sign, out, const(abs(amount.const)))


def room(b: Builder, length: Affine) -> Atom:
    """A length for storage; a loop whose bounds lie the wrong way round makes no turns."""
    if length.known is not None:
        return const(max(length.known, 0))
    only_adds = all(k > 0 for k in length.terms.values())
    if only_adds and -2 <= length.const < 0:
        length = Affine(0, length.terms)  # a place or two that stay unused are shorter to write
    found = total(b, length, {})
    is_certain = only_adds and length.const >= 0
    return found if is_certain else b.op(arithmetic.maximum, found, const(0), spelling="max")
