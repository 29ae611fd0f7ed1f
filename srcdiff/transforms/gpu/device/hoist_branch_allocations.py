"""Hoists allocations out of branches: an array that a branch allocates and yields is allocated before the branch.

    %y = if %c {                                         %own = empty_of
        %a = empty_of; store %a ...; yield %a }          if %c { store %own ... }
    else {                                      becomes  else { copy of %x into %own }
        yield %x }

Device code cannot allocate. A branch that does not bind the name leaves the storage uninitialised; nothing reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

from srcdiff.ir.alias import storage_roots, writes_of
from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import Function, If, Op, Region, Statement, regions_of
from srcdiff.ir.types import Array, shape_of
from srcdiff.ir.values import Value
from srcdiff.ops.arrays import memory
from srcdiff.ops.control import control
from srcdiff.transforms.analysis.defuse import ALLOCATIONS, defined_in
from srcdiff.transforms.gpu.device.preallocate import fill
from srcdiff.transforms.lower.loop_nests import store_each

T = TypeVar("T")


def branch_storage(fn: Function) -> Function:
    """`fn` with branches that fill hoisted storage instead of yielding their own, where possible."""
    return _BranchStorage(fn)(fn)


class _BranchStorage(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.fn = fn
        self.roots = storage_roots(fn)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(new, If) and isinstance(old, If):
            for result in old.results:
                k = new.results.index(result)
                if isinstance(result.type, Array) and self.is_new(new, k, old):
                    new = _with_own(new, k, env, b)
        b.append(new)

    def is_new(self, branch: If, k: int, old: If) -> bool:
        """Whether one side allocates the result or leaves it unbound, and the other side's result may be copied."""
        sides = (branch.then, branch.orelse)
        shape = shape_of(branch.results[k].type)
        if any(shape_of(r.yields[k].type) != shape for r in sides):
            return False  # the branch decides how long it is
        made = [_maker(r, k) for r in sides]
        if not any(op is not None and (_takes(op) or _is_unbound(op)) for op in made):
            return False
        pairs = zip(sides, made, strict=True)
        return all(_fills(r, k, op) or self.may_be_copied(r, k, old) for r, op in pairs)

    def may_be_copied(self, side: Region, k: int, old: If) -> bool:
        """Whether a copy is equivalent after the branches: the array has no other name, or nothing writes it."""
        y = side.yields[k]
        roots = self.roots.of(y)
        inside = {v for r in regions_of(old) for v in defined_in(r)}
        if roots <= inside and side.yields.count(y) == 1:
            return True
        written = (writes_of(s, self.roots) for s in _outside(self.fn.body, old))
        return all(roots.isdisjoint(w) for w in written)


def _outside(region: Region, branch: If) -> Iterator[Statement]:
    """The statements without regions outside of `branch`."""
    for s in region.body:
        regions = () if s is branch else regions_of(s)
        if s is not branch and not regions:
            yield s
        for r in regions:
            yield from _outside(r, branch)


def _maker(region: Region, k: int) -> Op | None:
    """The operation within a side that makes its result `k`."""
    made = (s for s in region.body if region.yields[k] in s.results)
    op = next(made, None)
    return op if isinstance(op, Op) else None


def _takes(op: Op) -> bool:
    return op.decl.name in ALLOCATIONS and op.view_of is None


def _is_unbound(op: Op) -> bool:
    return op.decl is control.undefined


def _fills(side: Region, k: int, op: Op | None) -> bool:
    """Whether a side may fill the hoisted storage in place of its own allocation."""
    return op is not None and _takes(op) and side.yields.count(side.yields[k]) == 1


def _with_own(branch: If, k: int, env: Env, b: Builder) -> If:
    """The branch with result `k` in hoisted storage."""
    result = branch.results[k]
    b.location, b.origin = branch.location, branch.origin
    own = b.op(memory.empty_of, type=result.type, name=result.name)
    env[result] = own
    then, orelse = (_into(r, k, own, b) for r in (branch.then, branch.orelse))
    return replace(branch, then=then, orelse=orelse, results=_without(branch.results, k))


def _into(side: Region, k: int, own: Value, b: Builder) -> Region:
    """A side that fills the storage `own`, or copies its result into it."""
    op, inner = _maker(side, k), b.inner()
    rest = _without(side.yields, k)
    if op is not None and _fills(side, k, op):
        env: Env = {}
        filling = _Filling(op, own)
        for s in side.body:
            filling.statement(s, env, inner)
        return inner.region(side.params, tuple(lookup(env, y) for y in rest))
    inner.body += side.body
    if op is None or not _is_unbound(op):
        store_each(inner, own, side.yields[k])
    return inner.region(side.params, rest)


class _Filling(Rewriter):
    """Replaces the allocation `made` by the storage `own`."""

    def __init__(self, made: Op, own: Value) -> None:
        self.made, self.own = made, own

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if old is not self.made:
            super().statement(old, env, b)
            return
        env[self.made.result] = self.own
        b.location, b.origin = old.location, old.origin
        fill(b, self.made, self.own, env)


def _without(parts: tuple[T, ...], k: int) -> tuple[T, ...]:
    return (*parts[:k], *parts[k + 1 :])
