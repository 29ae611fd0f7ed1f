"""Whether what was read from storage can be read again, later: does a write come in between?

"Overwritten later" is about position and index, not about the name: in `y[t] = f(y[t - 1])` the array is its
own tape. A load is stable if every write to its storage that may run after it goes elsewhere: for loops that
both are in, the written index runs with the loop, and the load's index is behind it.

    for t in range(1, n):
        a = y[t - 1]        # stable: later turns write y[t], y[t + 1], ...
        b = z[t]            # not stable if
        z[t] = a * b        # this comes behind it; stable, if before
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from srcdiff.ir.alias import writes_of
from srcdiff.ir.core import (
    Atom,
    Call,
    Const,
    For,
    Op,
    Region,
    Statement,
    Value,
    While,
    regions_of,
)
from srcdiff.ir.types import Struct, dims_of
from srcdiff.ops import containers, memory
from srcdiff.transforms.affine import Affine, affine

__all__ = ["Program", "survey"]

Loop = For | While


@dataclass(frozen=True)
class Span:
    """The places that an access touches on one axis: `lowest` to `highest`, which is None where it is not known."""

    lowest: Affine
    highest: Affine | None

    @property
    def only(self) -> Affine | None:
        """The place, where it is one."""
        return self.lowest if self.lowest is self.highest else None


@dataclass
class Program:
    """Where each forward statement stands: its number in program order, and the loops around it."""

    roots: Mapping[Value, frozenset[Value]]
    top: Region
    maker: dict[Value, Statement] = field(default_factory=dict)
    home: dict[Value, Region] = field(default_factory=dict)
    number: dict[int, int] = field(default_factory=dict)
    around: dict[int, tuple[Loop, ...]] = field(default_factory=dict)
    owner: dict[Region, Statement] = field(
        default_factory=dict
    )  # the statement that a region belongs to
    region_of: dict[int, Region] = field(
        default_factory=dict
    )  # the region that a statement stands in
    keeps: dict[Value, list[Op]] = field(default_factory=dict)  # the `store`s of a value
    writes: dict[Value, list[Op]] = field(default_factory=dict)

    @cached_property
    def argument_symbols(self) -> frozenset[str]:
        """Symbols of lengths that are known everywhere: those of the function's parameters."""
        return frozenset(s for p in self.top.params for d in dims_of(p.type) for s in d.symbols())

    def is_top(self, atom: Atom) -> bool:
        """Whether the backward part sees this value as it is."""
        return not isinstance(atom, Value) or self.home.get(atom, self.top) is self.top

    def is_index(self, param: Value) -> bool:
        return self.loop_of(param) is not None

    def carried(self, param: Value) -> tuple[Loop | None, int]:
        """The loop that carries a parameter, and its place among what is carried."""
        region = self.home[param]
        owner = self.owner.get(region)
        if (
            not isinstance(owner, For | While)
            or owner.body is not region
            or param not in region.params
        ):
            return None, 0
        return owner, region.params.index(param) - isinstance(owner, For)

    def order(self, value: Value) -> int:
        """Program order; parameters come in front of their region."""
        made = self.maker.get(value)
        if made is not None:
            return 2 * self.number[id(made)] + 1
        owner = self.owner.get(self.home[value])
        return 2 * self.number[id(owner)] + 2 if owner is not None else 0

    def loops_around(self, region: Region) -> tuple[Loop, ...]:
        """The loops that a region is in, from the outside."""
        owner = self.owner.get(region)
        if owner is None:
            return ()
        outer = self.around[id(owner)]
        return (*outer, owner) if isinstance(owner, For | While) else outer

    def is_stable(self, load: Op) -> bool:
        """Whether a `read`, element load or gather gives the same when it is done again after the forward part."""
        base = load.operands[0]
        if not isinstance(base, Value) or isinstance(base.type, Struct):
            return True
        writes = {id(w): w for root in self.roots.get(base, ()) for w in self.writes.get(root, ())}
        if load.decl is containers.list_item and self.counts_from_front(
            affine(load.operands[1], self.maker)
        ):
            writes = {
                k: w for k, w in writes.items() if w.decl is not containers.append
            }  # nothing is overwritten
        return all(self.is_apart(load, write) for write in writes.values())

    def is_written_from(self, statement: Statement, value: Value) -> bool:
        """Whether the storage of a value is written in a branch or loop, or anywhere behind it."""
        start = self.number[id(statement)]
        return any(
            self.number[id(w)] > start
            for root in self.roots.get(value, ())
            for w in self.writes.get(root, ())
        )

    def is_written_after(self, op: Op | Call, value: Value, base: Value) -> bool:
        """Whether the storage that a value refers to at an operation may be written when that is done."""
        return any(
            self.may_hit(op, base, root, write)
            for root in self.roots.get(value, ())
            if type(root.type) is type(value.type)
            for write in self.writes.get(root, ())
        )

    def may_hit(self, op: Op | Call, base: Value, root: Value, write: Op) -> bool:
        shared = [
            p for p, q in zip(self.around[id(op)], self.around[id(write)], strict=False) if p is q
        ]
        around = self.loops_around(self.home[root])
        if len(around) < len(shared) or any(
            p is not q for p, q in zip(shared, around, strict=False)
        ):
            return True  # it outlives a turn of a loop that both are in
        at, writes, made = self.number[id(op)], self.number[id(write)], self.order(root) // 2
        if not shared or made < at:
            return writes > at
        target = write.operands[write.decl.writes[0]]
        return not (
            made < writes or (writes < at and target is base)
        )  # made later in the turn: an array of an earlier turn

    def counts_from_front(self, position: Affine) -> bool:
        """Whether an index is certain not to be negative (negative ones count from the end)."""
        lowest = self.extreme(position, lowest=True)
        if lowest is None or lowest.const < 0:
            return False
        return all(k > 0 and self.is_length(v) for v, k in lowest.terms.items())

    def is_length(self, value: Value) -> bool:
        maker = self.maker.get(value)
        return isinstance(maker, Op) and maker.decl in (
            memory.axis_length,
            memory.length,
            containers.list_length,
        )

    def extreme(self, position: Affine, lowest: bool) -> Affine | None:
        """The lowest (highest) that an expression can be, free of loop indices; None where that is not known."""
        out = Affine(position.const)
        for value, k in position.terms.items():
            loop = self.loop_of(value)
            term: Affine | None = Affine(0, {value: 1})
            if loop is not None:
                if not isinstance(loop.step, Const):
                    return None
                upwards = loop.step.value > 0
                at_start = upwards == (lowest == (k > 0))
                end = affine(loop.start if at_start else loop.stop, self.maker)
                inside = end if at_start else end.plus(Affine(-1 if upwards else 1))
                term = self.extreme(inside, lowest == (k > 0))
            if term is None:
                return None
            out = out.plus(term.times(k))
        return out

    def is_apart(self, load: Op, write: Op) -> bool:
        """Whether no run of the write that comes after the load touches what the load read."""
        shared = [
            p for p, q in zip(self.around[id(load)], self.around[id(write)], strict=False) if p is q
        ]
        before = (
            self.number[id(write)] <= self.number[id(load)]
        )  # a store keeps what it stores itself
        if not shared:
            return before
        read_at, written_at = self.subscript(load), self.subscript(write)
        if read_at is None or written_at is None or read_at[0] is not written_at[0]:
            return False
        return self.is_behind(read_at[1], written_at[1], shared, before)

    def is_behind(
        self,
        read_at: Sequence[Span],
        written_at: Sequence[Span],
        loops: Sequence[Loop],
        before: bool,
    ) -> bool:
        """Lexicographic comparison, loop by loop from the outside, of the index read with the index written."""
        for loop in loops:
            if (
                not isinstance(loop, For)
                or not isinstance(loop.step, Const)
                or loop.step.value == 0
            ):
                return False
            forwards = (loop.step.value > 0) != loop.reverse
            running = [
                (r, w.only)
                for r, w in zip(read_at, written_at, strict=False)
                if w.only is not None
                and w.only.terms == {loop.index: 1}
                and self.counts_from_front(r.lowest)
                and self.counts_from_front(w.only)
            ]
            found = [self.compare(r, w, loop, forwards) for r, w in running]
            if any(found):
                return True  # one axis on which they never meet is enough
            if None not in found:
                return False  # one axis on which other turns are elsewhere leaves only this turn
        return before or any(map(self.stays_above, read_at, written_at))

    def stays_above(self, read: Span, written: Span) -> bool:
        """Whether a write runs through places that all lie above what is read: `L[i, j]`, i from j + 1 on."""
        if written.only is None or read.highest is None or len(written.only.terms) != 1:
            return False
        ((index, k),) = written.only.terms.items()
        inner = self.loop_of(index)
        if k != 1 or inner is None or not (isinstance(inner.step, Const) and inner.step.value > 0):
            return False
        lowest = affine(inner.start, self.maker).plus(Affine(written.only.const))
        gap = lowest.minus(read.highest).known
        return (
            gap is not None
            and gap > 0
            and self.counts_from_front(read.lowest)
            and self.counts_from_front(written.only)
        )

    def compare(self, read: Span, written: Affine, loop: For, forwards: bool) -> bool | None:
        """True: what is read lies behind all that this and later turns write; False: perhaps not; None: the
        same place.
        """
        nearest = read.highest if forwards else read.lowest
        if nearest is None:
            return False
        distance = nearest.minus(written).known
        if distance is not None:
            if distance == 0 and read.only is not None:
                return None
            return distance != 0 and (distance < 0) == forwards
        first = affine(loop.start, self.maker).plus(Affine(written.const))
        gap = nearest.minus(first)
        if forwards and not loop.reverse and gap.known is not None and gap.known < 0:
            return True  # the loop never writes there
        return self.index_below(nearest, written, loop)

    def index_below(self, read: Affine, written: Affine, loop: For) -> bool:
        """Whether the index read is that of an inner loop which stays below the outer one: `y[k]`, k in range(t)."""
        if (
            loop.reverse
            or not (isinstance(loop.step, Const) and loop.step.value > 0)
            or len(read.terms) != 1
        ):
            return False
        ((index, k),) = read.terms.items()
        inner = self.loop_of(index)
        if k != 1 or inner is None or not (isinstance(inner.step, Const) and inner.step.value > 0):
            return False
        highest = affine(inner.stop, self.maker).plus(Affine(read.const - 1))
        gap = highest.minus(written).known
        return gap is not None and gap < 0

    def loop_of(self, index: Value) -> For | None:
        """The loop that a value is the index of."""
        home = self.home.get(index)
        owner = None if home is None else self.owner.get(home)
        return owner if isinstance(owner, For) and owner.index is index else None

    def subscript(self, op: Op) -> tuple[Value, list[Span]] | None:
        """The root and the places on the leading axes that an access touches; None where that is not known."""
        base, where, indices = op.operands[0], op.attrs.get("where"), op.operands[1:]
        if op.decl in (memory.store, memory.add_into):
            indices = op.operands[2:]
        if op.decl is memory.read:
            view = self.maker.get(base) if isinstance(base, Value) else None
            if isinstance(view, Op) and view.decl is memory.index:
                return self.subscript(view)
            return (base, []) if isinstance(base, Value) else None
        if (
            op.decl not in (memory.store, memory.add_into, memory.index)
            or where is None
            or not isinstance(base, Value)
        ):
            return None
        made = self.maker.get(base)
        if isinstance(made, Op) and made.decl.view_of is not None:
            return None  # an access through a view of a view: not followed
        return base, self.spans(memory.items(where), indices)

    def spans(self, items: Sequence[str], indices: Sequence[Atom]) -> list[Span]:
        """The places on the leading axes, as far as integers and plain slices go."""
        places = iter(indices)
        out: list[Span] = []
        for item in items:
            if item == "i":
                place = affine(next(places), self.maker)
                out.append(Span(place, place))
            elif item in ("b:", ":e", "b:e"):
                first = affine(next(places), self.maker) if "b" in item else Affine()
                end = affine(next(places), self.maker) if "e" in item else None
                inside = end is not None and self.counts_from_front(end)
                out.append(Span(first, end.plus(Affine(-1)) if end and inside else None))
            else:
                break
        return out


def survey(region: Region, roots: Mapping[Value, frozenset[Value]]) -> Program:
    """Look over the forward statements (those that no pass made for the backward part)."""
    program = Program(roots, region)
    _enter(program, region, ())
    return program


def _enter(program: Program, region: Region, loops: tuple[Loop, ...]) -> None:
    for p in region.params:
        program.home[p] = region
    for statement in region.body:
        program.number[id(statement)] = len(program.number)
        program.around[id(statement)] = loops
        program.region_of[id(statement)] = region
        if (
            isinstance(statement, Op)
            and statement.decl is memory.store
            and isinstance(statement.operands[1], Value)
        ):
            program.keeps.setdefault(statement.operands[1], []).append(statement)
        for v in statement.results:
            program.maker[v] = statement
            program.home[v] = region
        if isinstance(statement, Op) and statement.decl.writes:
            for root in writes_of(statement, program.roots):
                program.writes.setdefault(root, []).append(statement)
        inner = (*loops, statement) if isinstance(statement, For | While) else loops
        for r in regions_of(statement):
            program.owner[r] = statement
            _enter(program, r, inner)
