"""Iteration spaces: the leading axes of an array that stores one value for each iteration of a loop nest.

    for i in range(n):                      axis of i: n places, `ts[i, j]`
        for j in range(i, n):               axis of j: n places, too, since the array is allocated once
            t = ...

A length must be known in front of the outermost loop. So an outer index in a bound counts with its largest value: a
triangle takes the room of a square. If a length cannot be found in this way, there are no axes, and the values are
stored on a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from srcdiff.ir.build import Builder, Env, lookup
from srcdiff.ir.core import For, Op, Region, Statement
from srcdiff.ir.types import Array, Dim, Quotient, Struct, Symbol, Type, shape_of
from srcdiff.ir.values import Atom, Const, Value, const, known_dim
from srcdiff.ops.arrays import containers, memory
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.dependence.access_regions import Loop
from srcdiff.transforms.analysis.dependence.affine import Affine, affine
from srcdiff.transforms.analysis.dependence.load_stability import Program
from srcdiff.transforms.analysis.dependence.loop_dependence import counts_from_front


@dataclass(frozen=True)
class Axis:
    """One leading axis of an array of stored values: its length, and the position of the value of each iteration."""

    length: Affine
    first: Affine  # the index whose value is at position 0
    after: bool = False  # a further place, after the loop: place 0 without iterations

    def position(self, index: Atom, b: Builder, env: Env, ahead: int = 0) -> Atom:
        iteration = Affine(0, {index: 1} if isinstance(index, Value) else {})
        return total(b, iteration.plus(Affine(ahead)).minus(self.first), env)


@dataclass
class Places:
    """The axes of loops, and the lengths of arrays from which their lengths are computed."""

    program: Program
    numbers: frozenset[str] = frozenset()  # symbols of integers that are known not to be negative
    # value of a bound that is a length -> operation that gives the length
    lengths: dict[Atom, Op] = field(default_factory=dict)

    def is_known(self, dim: Dim) -> bool:
        return dim.symbols() <= self.program.argument_symbols

    def axes(self, loops: Sequence[Loop], ahead: bool) -> list[Axis] | None:
        """An axis for each loop, the outermost first; None if there is no axis for some loop.

        With `ahead`, the innermost axis has a further place for the value after the last iteration.
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
            out[-1] = self.and_after(innermost)
        return out

    def and_after(self, loop: For) -> Axis:
        """The axis for the values at the start of each iteration, and for the value after the last iteration."""
        stop, start = self.outside(loop.stop, highest=True), self.outside(loop.start, highest=False)
        assert stop is not None and start is not None
        count, first = stop.minus(start), affine(loop.start, self.program.maker)
        fewest = self.bound(affine(loop.stop, self.program.maker).minus(first), highest=False)
        if fewest is not None and self.is_count(fewest):
            return Axis(count.plus(Affine(1)), first)
        if fewest is not None and self.is_count(fewest.plus(Affine(1))):
            is_there = self.has_elements(count.plus(Affine(1)), self.program.region_of[id(loop)])
            return Axis(count.plus(Affine(1 if is_there else 2)), first)  # -1 may occur
        return Axis(count, first, after=True)

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
        """Whether the indices themselves serve as positions: they start near 0, or at an outer index that does."""
        if start.known is not None:
            return 0 <= start.known <= 2
        lowest = self.outside(loop.start, highest=False)
        return lowest is not None and lowest.known is not None and 0 <= lowest.known <= 2

    def outside(self, atom: Atom, highest: bool) -> Affine | None:
        """A bound in terms of values from in front of the loops; an outer index counts with its largest (or smallest)
        value.
        """
        return self.bound(affine(atom, self.program.maker), highest)

    def bound(self, amount: Affine, highest: bool) -> Affine | None:
        out = Affine(amount.const)
        for value, k in amount.terms.items():
            term = self.known_term(value, highest == (k > 0))
            if term is None:
                return None
            out = out.plus(term.times(k))
        return out

    def known_term(self, value: Value, highest: bool) -> Affine | None:
        """One value of a bound: the value itself, the end of its range if it is an index, or the length that it is."""
        if self.program.is_top(value):
            return None if self.program.is_left_out(value) else Affine(0, {value: 1})
        loop = self.program.loop_of(value)
        return self.extreme(loop, highest) if loop is not None else self.by_length(value)

    def extreme(self, loop: For, highest: bool) -> Affine | None:
        """The largest (or smallest) value of a loop's index."""
        if not isinstance(loop.step, Const):
            return None
        upwards = loop.step.value > 0
        if highest == upwards:
            last = self.outside(loop.stop, highest)
            return None if last is None else last.plus(Affine(-1 if upwards else 1))
        return self.outside(loop.start, highest)

    def by_length(self, value: Value) -> Affine | None:
        known = known_dim(value)
        if known is None or not self.is_known(known):
            return None
        made = Op(memory.length, (), (Value(value.type),), {"dim": known}, None, "compiler")
        self.lengths[made.results[0]] = made
        return Affine(0, {made.results[0]: 1})

    # ---- signs ----

    @cached_property
    def lengths_there(self) -> frozenset[Dim]:
        """The lengths of arrays that exist on every path (arguments, and results of top-level statements), and other
        numbers that are never negative.
        """
        made = [r for s in self.program.top.body for r in s.results]
        shown = (d for v in (*self.program.top.params, *made) for d in array_dims(v.type))
        return frozenset((*shown, *map(Dim.of, self.numbers)))

    def is_length(self, dim: Dim) -> bool:
        """Whether a number is never negative: it is at least the length of an array, or a sum of such lengths."""
        if any((dim - d).is_const and (dim - d).const >= 0 for d in (Dim(), *self.lengths_there)):
            return True
        return dim.const >= 0 and all(k > 0 and self._is_term(s) for s, k in dim.terms)

    def _is_term(self, symbol: Symbol) -> bool:
        if isinstance(symbol, Quotient):
            return self.is_length(symbol.inner)
        return not isinstance(symbol, str) or Dim.of(symbol) in self.lengths_there

    def is_count(self, amount: Affine) -> bool:
        """Whether an expression is never negative."""
        if amount.const >= 0 and all(k > 0 and self.counts(v) for v, k in amount.terms.items()):
            return True
        dim = dim_of(amount)
        return dim is not None and self.is_length(dim)

    def has_elements(self, amount: Affine, region: Region) -> bool:
        """Whether the program takes an element at a constant index of an array of this length if a region runs."""
        dim = dim_of(amount)
        while dim is not None:
            if any(takes_element(s, dim) for s in region.body):
                return True
            owner = self.program.owner.get(region)
            if owner is None:
                break
            region = self.program.region_of[id(owner)]
        return False

    def counts(self, value: Value) -> bool:
        """Whether a value is a length, a count of iterations, or an index that is never negative."""
        made = self.program.maker.get(value)
        if isinstance(made, For):
            return made.breaks and made.results[0] is value
        if made is None:
            return self.is_index(value)
        return isinstance(made, Op) and made.decl in (memory.axis_length, containers.list_length)

    def is_index(self, value: Value) -> bool:
        """Whether a value is the index of a loop, and never negative."""
        home = self.program.home.get(value)
        loop = None if home is None else self.program.owner.get(home)
        return isinstance(loop, For) and loop.index is value and counts_from_front(loop)


def dim_of(amount: Affine) -> Dim | None:
    """An expression in terms of dimension symbols; None if some value has none."""
    out = Dim(amount.const)
    for value, k in amount.terms.items():
        known = known_dim(value)
        if known is None:
            return None
        out = out + known.scaled(k)
    return out


def takes_element(s: Statement, dim: Dim) -> bool:
    """Whether a statement is `x[k]` with a constant k, of an array whose first length is `dim`."""
    if not isinstance(s, Op) or s.decl is not memory.index or not s.attrs["where"].startswith("i"):
        return False
    return shape_of(s.operands[0].type)[:1] == (dim,) and isinstance(s.operands[1], Const)


def array_dims(type_: Type) -> Iterator[Dim]:
    if isinstance(type_, Array):
        yield from type_.shape
    elif isinstance(type_, Struct):
        for part in type_.parts:
            yield from array_dims(part)


# ---- construction of operations ---------------------------------------------------------------------


def total(b: Builder, amount: Affine, env: Env) -> Atom:
    """The value of an affine expression; its operations are appended."""
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


def room(b: Builder, axis: Axis, places: Places) -> Atom:
    """The length of an axis; its operations are appended."""
    found = count(b, axis.length, places)
    if not axis.after:
        return found
    return (
        const(found.value + 1)
        if isinstance(found, Const)
        else b.op(arithmetic.add, found, const(1))
    )


def count(b: Builder, length: Affine, places: Places) -> Atom:
    """The number of places for so many iterations: 0 if the bounds are in the wrong order."""
    if length.known is not None:
        return const(max(length.known, 0))
    if -2 <= length.const < 0 and all(k > 0 for k in length.terms.values()):
        length = Affine(0, length.terms)  # one or two unused places make the text shorter
    found = total(b, length, {})
    if places.is_count(length):
        return found
    return b.op(arithmetic.maximum, found, const(0), name="count", spelling="max")
