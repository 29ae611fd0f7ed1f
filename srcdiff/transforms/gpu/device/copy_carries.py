"""Copies of loop-carried arrays: an array that an iteration allocates and yields is copied into one shared buffer.

    for 0, %n with %x { (%i, %x.1) ->               %own = copy %x
        %y = empty_of; ... yield %y }     becomes   for 0, %n with %own { (%i, %x.1) ->
                                                        %y = empty_of; ...; copy of %y into %own; yield %own }

Device code cannot allocate. This pass handles the carried arrays for which `buffers/hoist_allocations.py` finds no two
buffers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from srcdiff.ir.alias import Roots, storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter
from srcdiff.ir.core import For, Function, Region, Statement, While, regions_of
from srcdiff.ir.types import Array, all_dims, shape_of
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import memory
from srcdiff.transforms.analysis.defuse import defined_in
from srcdiff.transforms.lower.loop_nests import store_each


def own_carries(fn: Function) -> Function:
    """`fn` with loops that carry one buffer instead of arrays that their iterations allocate."""
    known = {s for p in fn.params for d in all_dims(p.type) for s in d.symbols()}
    return _OwnCarries(storage_roots(fn), known)(fn)


class _OwnCarries(Rewriter):
    def __init__(self, roots: Roots, known: set[str]) -> None:
        self.roots = roots
        self.known = known  # symbols of the arguments' lengths

    def of(self, atom: Atom) -> frozenset[Value]:
        return self.roots.of(atom)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(new, For | While) and isinstance(old, For | While):
            new = self.owned(new, self.carried_allocations(old), b)
        b.append(new)

    def carried_allocations(self, loop: For | While) -> list[int]:
        """The positions of carried arrays that an iteration allocates, in an order in which they may be copied."""
        made = {v for r in regions_of(loop) for v in defined_in(r)} - {
            p for r in regions_of(loop) for p in r.params
        }
        yields = loop.carried_yields
        found = [
            k
            for k, y in enumerate(yields)
            if isinstance(y.type, Array) and not self.of(y).isdisjoint(made)
        ]
        if any(not d.symbols() <= self.known for k in found for d in shape_of(yields[k].type)):
            return []
        params = loop.body.params[isinstance(loop, For) :]
        first = [
            k
            for k in found
            if any(self.of(params[j]) & self.of(yields[k]) for j in found if j != k)
        ]
        return [*first, *(k for k in found if k not in first)] if len(first) < 2 else []

    def owned(self, loop: For | While, which: Sequence[int], b: Builder) -> For | While:
        if not which:
            return loop
        b.location, b.origin = loop.location, loop.origin
        carried, yields = list(loop.carried), list(loop.carried_yields)
        inner = b.inner()
        inner.body += loop.body.body
        params = loop.body.params[isinstance(loop, For) :]
        for k in which:
            param = params[k]
            own = b.op(memory.empty_of, type=param.type, name=param.name)
            store_each(b, own, carried[k])
            store_each(inner, own, yields[k])
            carried[k] = yields[k] = own
        flags = loop.body.yields[: len(loop.body.yields) - len(yields)]
        body = Region(loop.body.params, tuple(inner.body), (*flags, *yields))
        return replace(loop, carried=tuple(carried), body=body)
