"""Copy elision: where the source is not used after a copy, stores into the copy go into the source.

    %d_L = zeros_like %L                    %d_L = zeros_like %L
    add_diagonal %d_L, %v                   add_diagonal %d_L, %v
    %r = read %d_L                 becomes
    %d = copy %r
    add_into %d, %w                         add_into %d_L, %w

Two buffers with names of their own both stay: a reader of the text looks for both.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.alias import storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import Function, Op, Region, Statement, Value, walk
from srcdiff.ops.arrays import memory
from srcdiff.transforms.analysis.defuse import (
    ALLOCATIONS,
    is_generated,
    rename,
    same_kind,
    uses_outside,
)

__all__ = ["move_copies"]


def move_copies(fn: Function) -> Function:
    """`fn` without copies of storage that ends with them."""
    if not any(map(_is_candidate, walk(fn.body))):
        return fn
    moves = _Moves(fn)
    return rename(moves(fn), moves.names)


def _is_candidate(s: Statement) -> bool:
    return isinstance(s, Op) and s.decl is memory.copy and is_generated(s)


class _Moves(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.roots = storage_roots(fn)
        self.names: dict[Value, Value] = {}
        self.made: dict[Value, Op] = {}  # by the statements of the region so far
        self.last: dict[
            Value, Statement | None
        ] = {}  # the last statement of the region that uses a root

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        outer = self.made, self.last
        self.made, self.last = {}, self.last_uses(old)
        new = super().region(old, env, b)
        self.made, self.last = outer
        return new

    def last_uses(self, region: Region) -> dict[Value, Statement | None]:
        found: dict[Value, Statement | None] = {}
        for statement in region.body:
            for value in uses_outside(statement):
                found.update(dict.fromkeys(self.roots.get(value, ()), statement))
        given = (y for y in region.yields if isinstance(y, Value))
        found.update((r, None) for y in given for r in self.roots.get(y, ()))
        return found

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, Op):
            whole = self.ending(old) if _is_candidate(old) else None
            if whole is not None and self.takes_name(whole, old.result):
                env[old.result] = lookup(env, whole)
                return
            self.made.update(dict.fromkeys(old.results, old))
        super().statement(old, env, b)

    def takes_name(self, whole: Value, copy: Value) -> bool:
        """Whether the storage can be known by the copy's name."""
        if copy.name in ("", whole.name):
            return True
        if whole.name and self.made[whole].decl.name in ALLOCATIONS:
            return False
        self.names[whole] = replace(whole, name=copy.name)
        return True

    def ending(self, use: Op) -> Value | None:
        """The storage that a copy, or the `read` that it is a copy of, is the last to use."""
        source = use.operands[0]
        maker = self.made.get(source) if isinstance(source, Value) else None
        if not isinstance(source, Value) or maker is None or self.last.get(source) is not use:
            return None
        if maker.decl is memory.read:
            return self.ending(maker)
        # the part of an argument that `get` takes is a root, too
        is_new = maker.view_of is None and self.roots.get(source) == frozenset((source,))
        is_own = is_generated(maker) and is_new
        return source if is_own and same_kind(source.type, use.result.type) else None
