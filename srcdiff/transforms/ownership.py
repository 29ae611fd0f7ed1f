"""Results own their memory: copies what a result would share with another result or with an argument. And whose
storage somebody keeps a hold of.
"""

from __future__ import annotations

from collections.abc import Mapping

from srcdiff.ir.alias import storage_roots
from srcdiff.ir.build import Builder, shapes_for
from srcdiff.ir.core import Atom, Call, Function, Op, Region, Value
from srcdiff.ir.types import Array, List, Struct
from srcdiff.ops import containers, memory
from srcdiff.transforms.facts import all_regions

__all__ = ["held_roots", "own_results"]


def held_roots(fn: Function, roots: Mapping[Value, frozenset[Value]]) -> frozenset[Value]:
    """The roots that are handed on as storage: by branches, turns and results, and into containers.

    What is read is no storage of its own where nothing writes it: whoever holds that holds what was read.
    """
    held: list[Atom] = []
    reads: dict[Value, Atom] = {}
    for region in all_regions(fn.body):
        held += region.yields
        for s in region.body:
            if isinstance(s, Op) and s.decl is memory.read:
                reads[s.result] = s.operands[0]
            if isinstance(s, Op) and not (s.decl.holds or s.decl.writes or s.decl.effect):
                continue
            held += () if isinstance(s, Call) else s.operands
    found: set[Value] = set()
    while held:
        atom = held.pop()
        new = roots.get(atom, frozenset()) - found if isinstance(atom, Value) else ()
        found.update(new)
        held += [reads[r] for r in new if r in reads]
    return frozenset(found)


def own_results(fn: Function, first: int = 0) -> Function:
    """`fn` with copies of those yields, from number `first` on, that are arguments or share storage with an
    earlier yield.
    """
    roots = storage_roots(fn)
    taken: set[Value] = set(fn.params)
    b = Builder(shapes_for(fn), "adjoint", fn.location)
    yields: list[Atom] = []
    for k, y in enumerate(fn.body.yields):
        mine = roots.get(y, frozenset()) if isinstance(y, Value) else frozenset()
        if k >= first and isinstance(y, Value) and mine & taken:
            y = _copied(y, b)
        taken |= mine
        yields.append(y)
    return fn.with_body(Region(fn.params, (*fn.body.body, *b.body), tuple(yields)))


def _copied(value: Value, b: Builder) -> Atom:
    if isinstance(value.type, Array):
        return b.op(memory.copy, value, name=value.name)
    if isinstance(value.type, Struct):
        parts = [b.op(containers.get, value, key=k) for k in value.type.keys]
        copies = [_copied(p, b) for p in parts]
        return b.op(
            containers.pack, *copies, kind=value.type.kind, keys=value.type.keys, cls=value.type.cls
        )
    if isinstance(value.type, List):
        return b.op(containers.list_copy, value)
    return value
