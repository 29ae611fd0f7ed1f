"""Load stability: whether a load gives the same value if it is done again after the forward part.

    for t in range(1, n):
        a = y[t - 1]        # stable: this iteration and later ones write y[t], y[t + 1], ...
        y[t] = f(a)
        b = z[t]            # not stable: the next line overwrites the element
        z[t] = a * b

A load is stable if no write that may run after it touches the same elements. The test compares program order and
subscripts: in `y[t] = f(y[t - 1])`, the array is its own tape. In a loop around both accesses, the index of the write
must move with the loop, away from the elements that were read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from srcdiff.ir.alias import Roots, writes_of
from srcdiff.ir.core import Call, For, If, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.definedness import is_undefined
from srcdiff.ir.types import Array, Struct, dims_of
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.arrays import containers, memory
from srcdiff.transforms.analysis.dependence.access_regions import Loop, Outline, Span
from srcdiff.transforms.analysis.dependence.affine import Affine, affine


@dataclass(frozen=True)
class Built:
    """A buffer, the statements that fill it, and the price of filling it again, in units of storing it.

    The price is infinite if the buffer cannot be filled again.
    """

    made: Op
    filling: tuple[Statement, ...]
    price: float

    @property
    def last(self) -> Statement:
        return self.filling[-1]


@dataclass
class Program(Outline):
    """The forward statements of a function, with tests for stable loads. `built`: the buffers of iterations that are
    filled before they are read.
    """

    built: dict[Value, Built] = field(default_factory=dict)

    @cached_property
    def argument_symbols(self) -> frozenset[str]:
        """The symbols of lengths that are known everywhere: the lengths of the function's parameters."""
        return frozenset(s for p in self.top.params for d in dims_of(p.type) for s in d.symbols())

    def is_index(self, param: Value) -> bool:
        return self.loop_of(param) is not None

    def carried(self, param: Value) -> tuple[Loop | None, int]:
        """The loop that carries a parameter, and the parameter's place among the loop-carried values."""
        region = self.home[param]
        owner = self.owner.get(region)
        if (
            not isinstance(owner, For | While)
            or owner.body is not region
            or param not in region.params
        ):
            return None, 0
        return owner, region.params.index(param) - isinstance(owner, For)

    def is_left_out(self, value: Atom) -> bool:
        """Whether some path of branches does not bind the name of a value."""
        made = self.maker.get(value)
        if not isinstance(made, If) or not isinstance(value, Value):
            return is_undefined(made)
        k = made.results.index(value)
        return any(self.is_left_out(r.yields[k]) for r in (made.then, made.orelse))

    def order(self, value: Value) -> int:
        """The position of a value in program order; parameters precede the statements of their region."""
        built = self.built.get(value)
        made = self.maker.get(value) if built is None else built.last
        if made is not None:
            return 2 * self.number[id(made)] + 1
        owner = self.owner.get(self.home[value])
        return 2 * self.number[id(owner)] + 2 if owner is not None else 0

    def is_stable(self, load: Op) -> bool:
        """Whether a `read`, an element load or a gather gives the same value after the forward part."""
        base = load.operands[0]
        if not isinstance(base, Value) or isinstance(base.type, Struct):
            return True
        writes = {id(w): w for root in self.roots.get(base, ()) for w in self.writes.get(root, ())}
        if load.decl is containers.list_item and self.counts_from_front(
            affine(load.operands[1], self.maker)
        ):
            # an append overwrites nothing
            writes = {k: w for k, w in writes.items() if w.decl is not containers.append}
        built = [r for r in self.roots.get(base, ()) if r in self.built]
        own_loops = self.depth(built[0]) if self.roots.get(base) == frozenset(built[:1]) else 0
        return all(self.is_independent(load, write, own_loops) for write in writes.values())

    def depth(self, value: Value) -> int:
        """The number of loops around a value."""
        return len(self.loops_around(self.home[value]))

    def is_written_in(self, region: Region, value: Value) -> bool:
        inside = {id(s) for s in walk(region)}
        writes = (w for root in self.roots.get(value, ()) for w in self.writes.get(root, ()))
        return any(id(w) in inside for w in writes)

    def is_written_from(
        self,
        statement: Statement,
        value: Value,
        is_after: bool = False,
        spared: Callable[[Atom, Op], bool] = lambda root, write: False,
    ) -> bool:
        """Whether the storage of a value is written inside a branch or loop, or after it. For an array, writes to a
        list that holds it do not count. `is_after`: only writes after the statement count; `spared`: writes that do
        not count.
        """
        inner = walk(*regions_of(statement))
        start = max(self.number[id(s)] for s in (statement, *(inner if is_after else ())))
        return any(
            self.number[id(w)] > start
            and (not isinstance(value.type, Array) or isinstance(w.operands[0].type, Array))
            and not spared(root, w)
            for root in self.roots.get(value, ())
            for w in self.writes.get(root, ())
        )

    def is_written_after(self, op: Op | Call, value: Value, base: Value) -> bool:
        """Whether the storage to which a value refers at an operation may be written after the operation."""
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
            return True  # the storage outlives an iteration of a common loop
        at, writes, made = self.number[id(op)], self.number[id(write)], self.order(root) // 2
        if not shared or made < at:
            return writes > at
        target = write.operands[write.decl.writes[0]]
        # if the storage is made later in the iteration, the value is an array of an earlier iteration
        return not (made < writes or (writes < at and target is base))

    def is_independent(self, load: Op, write: Op, own_loops: int = 0) -> bool:
        """Whether no execution of the write after the load touches the elements that the load has read.

        `own_loops`: each iteration of so many outer loops has storage of its own.
        """
        shared = [
            p for p, q in zip(self.around[id(load)], self.around[id(write)], strict=False) if p is q
        ][own_loops:]
        # a store does not overwrite its own value
        before = self.number[id(write)] <= self.number[id(load)]
        if not shared and before:
            return True
        read_at, written_at = self.subscript(load), self.subscript(write)
        if read_at is None or written_at is None or read_at[0] is not written_at[0]:
            return False
        if any(map(self.never_meet, read_at[1], written_at[1])):
            return True
        if not shared:
            return False
        return self.is_after(read_at[1], written_at[1], shared, before)

    def is_after(
        self,
        read_at: Sequence[Span],
        written_at: Sequence[Span],
        loops: Sequence[Loop],
        before: bool,
    ) -> bool:
        """Whether later writes miss the elements read: a lexicographic comparison of the indices, the outermost loop
        first.
        """
        for loop in loops:
            if (
                not isinstance(loop, For)
                or not isinstance(loop.step, Const)
                or loop.step.value == 0
            ):
                return False
            forwards = (loop.step.value > 0) != loop.reverse
            if any(
                self.stays_ahead(w, r, loop, forwards)
                for r, w in zip(read_at, written_at, strict=False)
            ):
                return True
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
                return True  # one axis on which the places differ is enough
            if None not in found:
                return False  # no axis shows that only the same iteration can meet it
        return before or any(map(self.stays_above, read_at, written_at))

    def stays_above(self, read: Span, written: Span) -> bool:
        """Whether an inner loop writes only places above the places read: `L[i, j]` for i from j + 1 on."""
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

    def stays_ahead(self, written: Span, read: Span, loop: For, forwards: bool) -> bool:
        """Whether this iteration and later ones write only places ahead of the places that this iteration has read, in
        the direction of the loop: if t counts down, `y[k]` with k < t is ahead of `y[t]`.
        """
        if not (self.counts_from_front(read.lowest) and self.counts_from_front(written.lowest)):
            return False
        first, last = (read, written) if forwards else (written, read)
        if first.highest is None:
            return False
        below = self.extreme(first.highest, lowest=False, inside=loop)
        above = self.extreme(last.lowest, lowest=True, inside=loop)
        if below is None or above is None:
            return False
        if (above if forwards else below).terms.get(loop.index, 0) < 0:
            return False  # the distance shrinks from iteration to iteration
        if any(self.varies(v, loop) for v in (*below.values(), *above.values())):
            return False
        gap = above.minus(below).known
        return gap is not None and gap > 0

    def varies(self, value: Value, loop: For) -> bool:
        """Whether a value other than the loop's index may change from iteration to iteration."""
        return value is not loop.index and loop in self.loops_around(self.home[value])

    def compare(self, read: Span, written: Affine, loop: For, forwards: bool) -> bool | None:
        """True if this iteration and later ones never write the places read; None if only this iteration writes there,
        at the one place read; False if neither is certain.
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
        gap = nearest.minus(first).known
        # the loop starts above the places read
        return forwards and not loop.reverse and gap is not None and gap < 0


def survey(region: Region, roots: Roots) -> Program:
    """Collect the facts about the statements of a forward part."""
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
