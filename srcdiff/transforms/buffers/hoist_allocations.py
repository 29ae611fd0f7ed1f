"""Allocation hoisting: storage that each iteration allocates is allocated once, in front of the loop.

    for 0, %n { (%i) ->                                %t = empty_of
        %t = empty_of                        becomes   for 0, %n { (%i) ->
        store %t ...; index %t ... }                       store %t ...; index %t ... }

An array that an iteration passes to the next one gets two buffers that are swapped:

    %u = empty_of; ...                                 %u = empty_of; ...;  %new = empty_of
    for 0, %n with %u { (%i, %u.1) ->        becomes   for 0, %n with %u, %new { (%i, %u.1, %spare) ->
        %new = empty_of; ... yield %new }                  ... yield %spare, %u.1 }

Both branches of an `if` fill the same storage if both yield new storage.
"""

from __future__ import annotations

import operator
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from srcdiff.ir.alias import storage_roots, written_roots
from srcdiff.ir.build import Builder, Env, Rewriter, lengths_of
from srcdiff.ir.core import For, Function, If, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.types import Array, List, shape_of
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import memory
from srcdiff.ops.control import control
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import (
    ALLOCATIONS,
    defined_in,
    defined_inside,
    same_kind,
    used_atoms,
)

Loop = TypeVar("Loop", bound=For | While)

_UNFILLED = (memory.empty, memory.empty_of, memory.empty_like)
_LENGTHS = (memory.length, memory.axis_length, arithmetic.add, arithmetic.subtract, arithmetic.multiply)  # fmt: skip


def hoist_buffers(fn: Function) -> Function:
    """`fn` with allocations of iterations hoisted in front of their loops."""
    fn = _OneOfBranches(fn)(fn)
    while True:
        new = _HoistBuffers(fn)(fn)
        if new is fn or new.body is fn.body:
            return fn
        fn = new


class _OneOfBranches(Rewriter):
    """Hoists the allocation of an array that both branches allocate and yield."""

    def __init__(self, fn: Function) -> None:
        self.held = frozenset(_put_away(fn))

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(new, If):
            for result in new.results:
                new = self.with_one(new, new.results.index(result), b)
        b.append(new)

    def with_one(self, old: If, k: int, b: Builder) -> If:
        """The branch with one hoisted allocation for result `k`, if both sides allocate it."""
        result, branches = old.results[k], (old.then, old.orelse)
        made = [_made_for(r, k) for r in branches]
        one = made[0]
        if one is None or None in made or {op.result.type for op in made if op} != {result.type}:
            return old
        if any(op is not None and op.result in self.held for op in made):
            return old
        b.append(replace(one, results=(result,)))
        then, orelse = (
            _filling(r, k, op, result) for r, op in zip(branches, made, strict=True) if op
        )
        results = (*old.results[:k], *old.results[k + 1 :])
        return replace(old, then=then, orelse=orelse, results=results)


def _made_for(branch: Region, k: int) -> Op | None:
    """The allocation of a side's result, if it depends on nothing in the side."""
    y = branch.yields[k]
    made = next((s for s in branch.body if y in s.results), None)
    if not isinstance(made, Op) or made.decl not in _UNFILLED or branch.yields.count(y) > 1:
        return None
    own = set(defined_in(branch))
    return None if any(a in own for a in made.operands) else made


def _filling(branch: Region, k: int, made: Op, result: Value) -> Region:
    """A side that fills the storage `result` in place of its own allocation."""
    rest = Region((), tuple(s for s in branch.body if s is not made), branch.yields)
    env: Env = {made.result: result}
    new = Rewriter().region(rest, env, Builder())
    return replace(new, yields=(*new.yields[:k], *new.yields[k + 1 :]))


class _HoistBuffers(Rewriter):
    """Hoists out of one level of loops, inner loops first; an array that is carried gets two buffers."""

    def __init__(self, fn: Function) -> None:
        self.roots = storage_roots(fn)
        self.written = written_roots(fn, self.roots)
        self.lengths = lengths_of(fn)
        self.held = frozenset(r for a in _put_away(fn) for r in self.of(a))

    def of(self, atom: Atom) -> frozenset[Value]:
        return self.roots.of(atom)

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        for k, statement in enumerate(old.body):
            new = self.keep(statement, env, b)
            if isinstance(new, For) and new.is_parallel:
                b.append(new)  # each thread has its own storage
                continue
            if isinstance(new, For | While):
                new = self.without_buffers(new, b)
            if isinstance(new, For) and new.carried:
                new = self.with_spares(new, old.body[k + 1 :], old.yields, b)
            b.append(new)
        if len(b.body) == len(old.body) and all(
            x is y for x, y in zip(b.body, old.body, strict=True)
        ):
            return old
        return b.region(old.params, old.yields)

    def has_length(self, array: Value) -> bool:
        """Whether the lengths are not negative, so that the allocation is legal without an iteration, too."""
        return all(map(self.lengths.is_at_least_zero, shape_of(array.type)))

    def without_buffers(self, loop: For | While, b: Builder) -> For | While:
        """The loop without the buffers of its iterations, which are hoisted to `b`."""
        kept = frozenset(r for y in loop.body.yields for r in self.of(y)) | self.held
        own = [r for s in _straight(loop.body) if _is_allocation(s) for r in s.results]
        moved = _movable(loop, {v for v in own if v not in kept and self.has_length(v)})
        if not moved:
            return loop
        b.body += moved
        return _without(loop, moved)

    def with_spares(
        self, loop: For, after: Sequence[Statement], yields: Sequence[Atom], b: Builder
    ) -> For:
        """The loop with a second buffer for an array that an iteration allocates and passes to the next."""
        for k, new in enumerate(loop.carried_yields):
            if not isinstance(new, Value) or not self.may_swap(loop, k):
                continue
            moved = _movable(loop, {new})
            if not moved:
                continue
            *with_it, made = moved
            if not self.is_private(loop, k, after, yields, b):
                if not self.written.isdisjoint(self.of(loop.carried[k])):
                    continue
                if _is_unbound(loop.carried[k], b):
                    start = replace(new)
                    b.body += [*with_it, replace(made, results=(start,))]
                    with_it = []
                    loop = _starting_with(loop, k, start)
                else:
                    copied = b.op(
                        memory.copy, loop.carried[k], name=getattr(loop.carried[k], "name", "")
                    )
                    loop = _starting_with(loop, k, copied)
            spare = replace(new)
            b.body += [*with_it, replace(made, results=(spare,))]
            return _swapping(_without(loop, moved), k, new, spare)
        return loop

    def may_swap(self, loop: For, k: int) -> bool:
        """Whether an iteration yields its own buffer, and the buffer from the iteration before is not used any more."""
        new, param = loop.carried_yields[k], loop.body.params[k + 1]
        if loop.breaks or not isinstance(new, Value) or not same_kind(new.type, param.type):
            return False
        if not isinstance(new.type, Array) or not self.has_length(new):
            return False
        own = self.of(param)
        if self.of(new) != {new} or own != {new} | self.of(loop.carried[k]):
            return False
        others = (y for i, y in enumerate(loop.carried_yields) if i != k)
        return own.isdisjoint(self.held) and all(own.isdisjoint(self.of(y)) for y in others)

    def is_private(
        self, loop: For, k: int, after: Sequence[Statement], yields: Sequence[Atom], b: Builder
    ) -> bool:
        """Whether the start value was allocated in this region, and only the loop uses it from then on."""
        first = self.of(loop.carried[k])
        if not first <= {r for s in b.body if _is_allocation(s) for r in s.results}:
            return False
        new = {*loop.results, *defined_in(loop.body)}
        new |= {v for s in after for v in (*s.results, *defined_inside(s))}
        others = (a for i, a in enumerate(loop.carried) if i != k)
        inside = (a for r in regions_of(loop) for a in _used_in(r))
        later = (a for s in after for a in used_atoms(s))
        return not any(
            a not in new and not first.isdisjoint(self.of(a))
            for a in (*others, *inside, *later, *yields)
        )


def _put_away(fn: Function) -> Iterator[Atom]:
    """The values that containers hold, which another iteration may read."""
    for s in walk(fn.body):
        if isinstance(s, Op) and (
            s.decl.holds or any(isinstance(a.type, List) for a in s.operands)
        ):
            yield from s.operands


def _is_allocation(s: Statement) -> bool:
    return isinstance(s, Op) and s.decl.name in ALLOCATIONS and s.view_of is None


def _used_in(region: Region) -> Iterator[Atom]:
    for s in region.body:
        yield from used_atoms(s)
    yield from region.yields


def _movable(loop: For | While, wanted: Container[Value]) -> list[Op]:
    """The wanted allocations in a loop, and the lengths that they need, in their order."""
    own = {v for r in regions_of(loop) for v in defined_in(r)}
    ops = [*_straight(loop.body)]
    lengths: dict[Atom, Op] = {s.result: s for s in ops if s.decl in _LENGTHS}
    moved: list[Op] = []
    for s in ops:
        with_it = (
            _moved_with(s, lengths, own) if s.decl in _UNFILLED and s.result in wanted else None
        )
        if with_it is not None:
            moved += [*(a for a in with_it if a not in moved), s]
    return moved


def _moved_with(op: Op, lengths: dict[Atom, Op], own: set[Value]) -> list[Op] | None:
    """The operations that move in front of the loop together with `op`; None if it cannot move."""
    found: list[Op] = []
    for a in op.operands:
        if not isinstance(a, Value) or a not in own:
            continue
        inner = _moved_with(lengths[a], lengths, own) if a in lengths else None
        if inner is None:
            return None
        found += [s for s in (*inner, lengths[a]) if s not in found]
    return found


def _straight(region: Region) -> Iterator[Op]:
    """The operations of an iteration, including those in branches."""
    for s in region.body:
        if isinstance(s, Op):
            yield s
        elif isinstance(s, If):
            yield from _straight(s.then)
            yield from _straight(s.orelse)


def _without(loop: Loop, moved: Sequence[Op]) -> Loop:
    return replace(loop, body=_region_without(loop.body, moved))


def _region_without(region: Region, moved: Sequence[Op]) -> Region:
    body: list[Statement] = []
    for s in region.body:
        if isinstance(s, If):
            then, orelse = (_region_without(r, moved) for r in (s.then, s.orelse))
            is_same = then is s.then and orelse is s.orelse
            s = s if is_same else replace(s, then=then, orelse=orelse)
        if s not in moved:
            body.append(s)
    is_same = len(body) == len(region.body) and all(map(operator.is_, body, region.body))
    return region if is_same else replace(region, body=tuple(body))


def _is_unbound(atom: Atom, b: Builder) -> bool:
    """Whether a start value is undefined, since only the loop binds the name; there is nothing to copy."""
    return any(
        isinstance(s, Op) and s.decl is control.undefined and atom in s.results for s in b.body
    )


def _starting_with(loop: For, k: int, start: Value) -> For:
    return replace(loop, carried=(*loop.carried[:k], start, *loop.carried[k + 1 :]))


def _swapping(loop: For, k: int, new: Value, spare: Value) -> For:
    """The loop that fills the free buffer and then swaps the two."""
    own, old = replace(new), loop.body.params[k + 1]
    body = Rewriter().region(loop.body, {new: own}, Builder())
    return replace(
        loop,
        carried=(*loop.carried, spare),
        body=Region((*body.params, own), body.body, (*body.yields, old)),
        results=(*loop.results, replace(new)),
    )
