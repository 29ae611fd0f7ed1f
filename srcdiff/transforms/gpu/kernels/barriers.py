"""Barriers of kernels: records which storage a barrier orders, and removes barriers that order nothing.

    store[where='i'] %tile, %v, %t                  store[where='i'] %tile, %v, %t
    syncthreads                          becomes    barrier %tile
    %a = index[where='i'] %tile, %u                 %a = index[where='i'] %tile, %u

For all passes in between, a barrier is a write to the shared arrays: no load from before it is valid after it.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field, replace

from srcdiff.ir.alias import Roots, reads_of, storage_roots, writes_of, written_roots
from srcdiff.ir.build import Builder, Env, Rewriter, map_ops, ops_of
from srcdiff.ir.core import For, Function, If, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.types import Array
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays.memory import add_into
from srcdiff.ops.control.cuda_kernel import barrier_of, is_barrier, shared_array, syncthreads


def shared_storage(fn: Function) -> list[Value]:
    """The arrays that several threads access: parameters, and shared memory."""
    made = [s.result for s in ops_of(fn) if s.decl is shared_array]
    return [p for p in fn.params if isinstance(p.type, Array)] + made


def _shared_first(fn: Function) -> Function:
    """`fn` with its shared memory allocated at the start: all iterations and branches use the same memory anyway."""
    inside = [s for s in ops_of(fn) if s.decl is shared_array]
    inside = [s for s in inside if s not in fn.body.body]
    if not inside:
        return fn
    body = _Without(fn, set(inside))(fn).body
    return fn.with_body(replace(body, body=(*inside, *body.body)))


def storage_barriers(fn: Function) -> Function:
    """`fn` with its shared memory allocated first, and with barriers that write the shared arrays; without written
    shared arrays, barriers disappear.

    Additions that the user has not written as atomic get the attribute `alone`.
    """
    fn = _shared_first(fn)
    written = written_roots(fn)
    return _Storage([v for v in shared_storage(fn) if v in written])(fn)


class _Storage(Rewriter):
    def __init__(self, shared: list[Value]) -> None:
        self.shared = shared
        self.count = 0

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, Op) and old.decl is shared_array:
            self.count += 1
            super().statement(replace(old, attrs={**old.attrs, "tile": self.count}), env, b)
        elif isinstance(old, Op) and old.decl is add_into:
            attrs = {k: v for k, v in old.attrs.items() if k != "atomic"}
            alone = {} if "atomic" in old.attrs else {"alone": True}
            super().statement(replace(old, attrs={**attrs, **alone}), env, b)
        elif not isinstance(old, Op) or old.decl is not syncthreads:
            super().statement(old, env, b)
        elif self.shared:
            operands = tuple(env.get(v, v) for v in self.shared)
            b.append(replace(old, decl=barrier_of(len(operands)), operands=operands))


def plain_barriers(fn: Function) -> Function:
    """`fn` with barriers as users write them; runs after all passes that move statements."""
    return map_ops(
        fn, lambda op: replace(op, decl=syncthreads, operands=()) if is_barrier(op) else op
    )


# ---- needed barriers -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Seen:
    """The storage that is accessed on one side of a barrier."""

    reads: frozenset[Value] = frozenset()
    writes: frozenset[Value] = frozenset()

    def __or__(self, other: _Seen) -> _Seen:
        return _Seen(self.reads | other.reads, self.writes | other.writes)

    def conflicts(self, other: _Seen) -> bool:
        return bool(self.writes & (other.reads | other.writes) or other.writes & self.reads)


_NOTHING = _Seen()


@dataclass(frozen=True)
class _Since:
    """The accesses since the last barrier of the block, and since the last barrier of any kind; `cuda.syncwarp` orders
    only the threads of a warp.
    """

    block: _Seen = _NOTHING
    warp: _Seen = _NOTHING

    def __or__(self, other: _Since) -> _Since:
        return _Since(self.block | other.block, self.warp | other.warp)

    def at(self, barrier: Op) -> _Seen:
        """The accesses that a barrier orders on this side."""
        return self.warp if _is_of_warp(barrier) else self.block

    def later(self, barrier: Op) -> _Since:
        return _Since(self.block) if _is_of_warp(barrier) else _Since()


def _is_of_warp(barrier: Op) -> bool:
    return bool(barrier.attrs["kind"] == "syncwarp")


def needed_barriers(fn: Function) -> Function:
    """`fn` without barriers that order nothing: accesses on both sides, up to the next barriers, do not conflict."""
    while True:
        found = _Needed(fn)
        found.look()
        if not found.idle:
            return fn
        fn = _Without(fn, found.idle)(fn)


class _Without(Rewriter):
    """Removes operations; the storage that removed barriers ordered is added to the remaining barriers."""

    def __init__(self, fn: Function, idle: Set[Op]) -> None:
        self.idle = idle
        self.ordered = dict.fromkeys(a for s in walk(fn.body) if s in idle for a in s.operands)
        self.known: set[Atom] = set(fn.params)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if old in self.idle:
            return
        if isinstance(old, Op) and is_barrier(old):
            more = (a for a in self.ordered if a in self.known)
            operands = tuple(dict.fromkeys((*old.operands, *more)))
            old = replace(old, decl=barrier_of(len(operands)), operands=operands)
        self.known.update(old.results)
        super().statement(old, env, b)


@dataclass
class _Needed:
    fn: Function
    before: dict[Op, _Seen] = field(default_factory=dict)
    after: dict[Op, _Seen] = field(default_factory=dict)

    def look(self) -> None:
        roots = storage_roots(self.fn)
        shared = frozenset(shared_storage(self.fn))
        self.roots: Roots = roots
        self.shared = shared
        self.walk(self.fn.body, _Since(), self.before, False)
        self.walk(self.fn.body, _Since(), self.after, True)
        barriers = [s for s in walk(self.fn.body) if isinstance(s, Op) and is_barrier(s)]
        idle = [
            s
            for s in barriers
            if not self.before.get(s, _NOTHING).conflicts(self.after.get(s, _NOTHING))
        ]
        self.idle = set(idle[:1])  # one at a time: the accesses at the others depend on it

    def walk(self, region: Region, seen: _Since, found: dict[Op, _Seen], backwards: bool) -> _Since:
        """The accesses at the end of a region from those at its start, or the other way round if `backwards`."""
        for s in reversed(region.body) if backwards else region.body:
            seen = self.statement(s, seen, found, backwards)
        return seen

    def statement(
        self, s: Statement, seen: _Since, found: dict[Op, _Seen], backwards: bool
    ) -> _Since:
        if isinstance(s, Op) and is_barrier(s):
            found[s] = found.get(s, _NOTHING) | seen.at(s)
            return seen.later(s)
        if isinstance(s, If):
            return self.walk(s.then, seen, found, backwards) | self.walk(
                s.orelse, seen, found, backwards
            )
        if isinstance(s, For | While):
            while True:  # fixpoint: the accesses at the end of an iteration precede the next one
                end = seen
                regions = regions_of(s)
                for r in regions[::-1] if backwards else regions:
                    end = self.walk(r, end, found, backwards)
                if end | seen == seen:
                    return seen
                seen = seen | end
        touched = _Seen(
            reads_of(s, self.roots) & self.shared, writes_of(s, self.roots) & self.shared
        )
        return seen | _Since(touched, touched)
