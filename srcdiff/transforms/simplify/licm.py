"""Loop-invariant code motion: an operation with the same result in all iterations moves in front of the loop.

    for 0, %n, 1 { (%i) ->                         %e = exp %log_A
        %e = exp %log_A                   ->       for 0, %n, 1 { (%i) ->
        add_into %d, %e }                              add_into %d, %e }

It applies to generated operations on arrays that cost something. The user's lines stay where they are, and small
repeated scalars read better in their place. An operation that may raise stays, since the loop may have no iteration.
An operation under a branch stays under it.
"""

from __future__ import annotations

from itertools import zip_longest

from srcdiff.ir.alias import reads_of, storage_roots, writes_of
from srcdiff.ir.build import Builder, Env, Rewriter
from srcdiff.ir.core import For, Function, If, Op, Region, Statement, While
from srcdiff.ir.types import Array, Dim, shape_of
from srcdiff.ir.values import Value, known_trip_count
from srcdiff.transforms.analysis.defuse import ALLOCATIONS, is_generated, written_values
from srcdiff.transforms.simplify.invariant_carries import remove_invariant_carries

_ONE = Dim(1)


def hoist(fn: Function) -> Function:
    """`fn` with loop-invariant generated operations in front of their loops."""
    fn = remove_invariant_carries(fn)
    return _Hoist(fn)(fn)


def hoist_all(fn: Function) -> Function:
    """`fn` with all loop-invariant operations on arrays in front of their loops, for compiled code: the user's lines,
    too, and operations that may raise, where a loop is known to have an iteration.
    """
    return _HoistAll(fn)(fn)


class _Hoist(Rewriter):
    """`levels[v]` is how many loops are around a value; `builders[k]` builds the innermost region with k around it."""

    def __init__(self, fn: Function) -> None:
        self.roots = storage_roots(fn)
        self.written = written_values(fn, self.roots)
        self.levels: dict[Value, int] = {}
        self.builders: list[Builder] = []
        self.loop_writes: list[frozenset[Value]] = []
        self.barrier = 0  # the level of the innermost branch: nothing moves out of it

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        depth = len(self.loop_writes)
        outer = self.builders
        self.builders = [*outer[:depth], b]
        self.levels.update(dict.fromkeys(old.params, depth))
        new = super().region(old, env, b)
        self.builders = outer
        return new

    def keep(self, old: Statement, env: Env, b: Builder) -> Statement:
        match old:
            case For() | While():
                self.loop_writes.append(writes_of(old, self.roots))
                new = super().keep(old, env, b)
                self.loop_writes.pop()
                return new
            case If():
                barrier, self.barrier = self.barrier, len(self.loop_writes)
                new = super().keep(old, env, b)
                self.barrier = barrier
                return new
        return super().keep(old, env, b)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        depth = len(self.loop_writes)
        level = self.level(old) if depth and isinstance(old, Op) and self.may_move(old) else depth
        self.levels.update(dict.fromkeys(old.results, level))
        self.builders[level].append(self.keep(old, env, b)) if level < depth else b.append(
            self.keep(old, env, b)
        )

    def may_move(self, op: Op) -> bool:
        if not is_generated(op) or op.decl.cost in ("free", "cheap") or not self.is_value(op):
            return False
        arrays = [v for v in (*op.operands, *op.results) if isinstance(v.type, Array)]
        return bool(arrays) and not may_raise(op)

    def is_value(self, op: Op) -> bool:
        """Whether an operation has the same result wherever it stands, and no effect."""
        if op.decl.effect or op.decl.writes or op.decl.name in ALLOCATIONS or op.decl.holds:
            return False
        return self.written.isdisjoint(op.results)

    def level(self, op: Op) -> int:
        """The number of loops that have to stay around an operation."""
        level = max([self.barrier, *(self.levels[a] for a in op.operands if isinstance(a, Value))])
        reads = reads_of(op, self.roots)
        for k, writes in enumerate(self.loop_writes, start=1):
            if reads & writes:
                level = max(level, k)
        return level


class _HoistAll(_Hoist):
    """`kept_around[k]` is how many of the k loops around have to stay around an operation that may raise."""

    def __init__(self, fn: Function) -> None:
        super().__init__(fn)
        self.kept_around = [0]

    def keep(self, old: Statement, env: Env, b: Builder) -> Statement:
        if not isinstance(old, For | While):
            return super().keep(old, env, b)
        stays = isinstance(old, While) or not _runs_at_least_once(old)
        self.kept_around.append(len(self.kept_around) if stays else self.kept_around[-1])
        new = super().keep(old, env, b)
        self.kept_around.pop()
        return new

    def may_move(self, op: Op) -> bool:
        of_arrays = any(isinstance(v.type, Array) for v in (*op.operands, *op.results))
        return of_arrays and bool(op.results) and self.is_value(op)

    def level(self, op: Op) -> int:
        level = super().level(op)
        return max(level, self.kept_around[-1]) if may_raise(op) else level


def may_raise(op: Op) -> bool:
    """Whether an operation on arrays may raise: an elementwise one only where lengths may not fit."""
    if not op.decl.elementwise:
        return op.decl.raises
    shapes = [shape_of(a.type)[::-1] for a in op.operands]
    axes = zip_longest(*shapes, fillvalue=_ONE)
    return any(len({*lengths} - {_ONE}) > 1 for lengths in axes)


def _runs_at_least_once(loop: For) -> bool:
    return bool(known_trip_count(loop.start, loop.stop, loop.step))
