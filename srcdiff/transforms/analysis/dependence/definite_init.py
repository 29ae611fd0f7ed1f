"""Definite initialisation: which elements of an array are certain to be written before they are read.

    k[0] = a                    row 0 is written
    for i in range(1, n):       at the start of iteration i, rows 0 to i - 1 are written
        k[i] = f(k[i - 1])
                                after the loop, rows 0 to n - 1 are written

Sets of elements are boxes: a first and a last index for each axis.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from srcdiff.ir.core import For, Op, Region, Statement, regions_of
from srcdiff.ir.dims import Range
from srcdiff.ir.types import Array, Dim, all_dims, inner_lengths, symbols_of
from srcdiff.ir.values import Atom, Const, Value, known_dim, symbol_of
from srcdiff.ops.arrays import memory
from srcdiff.ops.core.index_patterns import items
from srcdiff.transforms.analysis.defuse import defined_in
from srcdiff.transforms.analysis.dependence.iteration_space import Places

Box = tuple[tuple[Dim, Dim], ...]


@dataclass
class Filling:
    """The analysis of one array, of which only elements are used."""

    array: Value
    places: Places
    ranges: Mapping[str, Range]  # of the indices of all loops
    new: dict[int, frozenset[str]] = field(default_factory=dict)  # loop -> symbols of its body

    def is_read_after_writing(self, region: Region) -> bool:
        """Whether the region writes each element before it reads the element."""
        return self.scan(region.body, []) is not None

    def scan(self, body: Iterable[Statement], covered: Sequence[Box]) -> list[Box] | None:
        """The boxes that are written after some statements; None if they read any other element."""
        now = list(covered)
        for s in body:
            found = self.statement(s, now)
            if found is None:
                return None
            now = merged(found)
        return now

    def statement(self, s: Statement, covered: list[Box]) -> list[Box] | None:
        if isinstance(s, Op):
            return self.op(s, covered)
        if isinstance(s, For) and s.step == Const(1, s.step.type) and not s.breaks:
            return self.loop(s, covered)
        for region in regions_of(s):
            if self.scan(region.body, covered) is None:
                return None
        return covered

    def op(self, op: Op, covered: list[Box]) -> list[Box] | None:
        if self.array not in op.operands:
            return covered
        writes = bool(op.decl.writes)
        box = self.box(op.attrs.get("where", ""), op.operands[2 if writes else 1 :])
        if op.decl is memory.store:
            is_inside = box is not None and all(self.is_count(self.end(lo, 0)) for lo, _ in box)
            return [*covered, box] if box is not None and is_inside else covered
        reads = [self.whole()] if box is None else [box, self.whole()]
        return covered if any(self.holds(r, c) for r in reads for c in covered) else None

    def loop(self, loop: For, covered: list[Box]) -> list[Box] | None:
        symbol = symbol_of(loop.index)
        first, last = self.ranges.get(symbol, (None, None)) if symbol else (None, None)
        own = [] if symbol is None else self.written_each_iteration(loop)
        if symbol is None or first is None or last is None:
            return None if self.scan(loop.body.body, covered) is None else covered
        earlier = (
            [] if loop.reverse else [_along(b, symbol, first, Dim.of(symbol) - 1) for b in own]
        )
        if self.scan(loop.body.body, merged([*covered, *_present(earlier)])) is None:
            return None
        return [*covered, *_present(_along(b, symbol, first, last) for b in own)]

    def written_each_iteration(self, loop: For) -> list[Box]:
        """The boxes that each iteration writes, in terms of its index and of values from in front of the loop."""
        own: list[Box] = []
        for s in loop.body.body:
            if isinstance(s, Op) and s.decl is memory.store and s.operands[0] is self.array:
                own = self.op(s, own) or own
            elif isinstance(s, For) and s.step == Const(1, s.step.type) and not s.breaks:
                symbol = symbol_of(s.index)
                first, last = self.ranges.get(symbol, (None, None)) if symbol else (None, None)
                if symbol is not None and first is not None and last is not None:
                    inner = self.written_each_iteration(s)
                    own += _present(_along(b, symbol, first, last) for b in inner)
        fresh = self.fresh(loop)
        return [b for b in merged(own) if not any(d.symbols() & fresh for side in b for d in side)]

    def fresh(self, loop: For) -> frozenset[str]:
        """The symbols of numbers that each iteration computes."""
        if id(loop) not in self.new:
            made = [v for v in defined_in(loop.body) if v is not loop.index]
            own = {s for v in made for d in all_dims(v.type) for s in d.symbols()}
            self.new[id(loop)] = frozenset(own - self.known_outside(loop))
        return self.new[id(loop)]

    def known_outside(self, loop: For) -> set[str]:
        """The symbols of parameters, of results of top-level statements, and of indices of the loops around."""
        program = self.places.program
        values = [*program.top.params, *(r for s in program.top.body for r in s.results)]
        values += [x.index for x in program.around[id(loop)] if isinstance(x, For)]
        found = {s for v in values for d in all_dims(v.type) for s in d.symbols()}
        return found | {s for s in (symbol_of(loop.index),) if s is not None}

    # ---- boxes ----

    def whole(self) -> Box:
        assert isinstance(self.array.type, Array)
        return tuple((Dim(), d - 1) for d in self.array.type.shape)

    def box(self, where: str, at: Sequence[Atom]) -> Box | None:
        """The box of the element at a subscript; None if the element is not known, or there is more than one."""
        assert isinstance(self.array.type, Array)
        known = [known_dim(a) for a in at]
        if items(where) != ["i"] * self.array.type.ndim:
            return None
        return None if None in known else tuple((d, d) for d in known if d is not None)

    def holds(self, read: Box, box: Box) -> bool:
        """Whether a box contains all elements of a read, in all iterations of the loops with known ranges."""
        sides = zip(read, box, strict=True)
        return all(
            self.is_count(self.end(r[0] - b[0], 0)) and self.is_count(self.end(b[1] - r[1], 0))
            for r, b in sides
        )

    def end(self, amount: Dim, depth: int) -> Dim:
        """The least value of an expression, with indices at the ends of their ranges."""
        inner = (inner_lengths(s) for s, _ in amount.terms if not isinstance(s, str))
        # the expression may not be monotonic in these
        inside = symbols_of(d for dims in inner for d in dims)
        for symbol, k in amount.terms:
            if isinstance(symbol, str) and symbol in self.ranges.keys() - inside and depth < 8:
                end = self.ranges[symbol][0 if k > 0 else 1]
                if end is not None:
                    return self.end(amount.substitute({symbol: end}), depth + 1)
        return amount

    def is_count(self, amount: Dim) -> bool:
        return self.places.is_length(amount)


def merged(boxes: Iterable[Box]) -> list[Box]:
    """The boxes, where boxes that adjoin along one axis become one box."""
    out: list[Box] = []
    for box in boxes:
        k = next((k for k, b in enumerate(out) if _join(b, box) or _join(box, b)), None)
        if k is None:
            out.append(box)
        else:
            joined = _join(out[k], box) or _join(box, out[k])
            assert joined is not None
            out = merged([*out[:k], *out[k + 1 :], joined])
    return out


def _join(left: Box, right: Box) -> Box | None:
    different = [k for k, (a, b) in enumerate(zip(left, right, strict=True)) if a != b]
    if not different:
        return left
    if len(different) > 1 or left[different[0]][1] + 1 != right[different[0]][0]:
        return None
    k = different[0]
    return (*left[:k], (left[k][0], right[k][1]), *left[k + 1 :])


def _along(box: Box, symbol: str, first: Dim, last: Dim) -> Box | None:
    """The box of all iterations of a loop, from the box of one. One axis must follow the index, and no other axis."""
    moving = [k for k, side in enumerate(box) if any(symbol in d.symbols() for d in side)]
    if len(moving) != 1:
        return None
    low, high = box[moving[0]]
    if low != high or dict(low.terms).get(symbol) != 1:
        return None
    side = (low.substitute({symbol: first}), low.substitute({symbol: last}))
    return (*box[: moving[0]], side, *box[moving[0] + 1 :])


def _present(boxes: Iterable[Box | None]) -> list[Box]:
    return [b for b in boxes if b is not None]
