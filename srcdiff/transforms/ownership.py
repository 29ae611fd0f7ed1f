"""Results own their memory: copies what a result would share with another result or with an argument."""

from __future__ import annotations

from srcdiff.ir.alias import storage_roots
from srcdiff.ir.build import Builder, shapes_for
from srcdiff.ir.core import Atom, Function, Region, Value
from srcdiff.ir.types import Array, List, Struct
from srcdiff.ops import containers, memory

__all__ = ["own_results"]


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
