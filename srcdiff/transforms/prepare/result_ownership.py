"""Result ownership: a result that would share memory with an argument or another result is copied.

The escape analysis of the module finds the storage to which references escape.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from srcdiff.ir.alias import Roots, has_storage, storage_roots, writes_of, written_roots
from srcdiff.ir.build import Builder, Env, Rewriter, shapes_for
from srcdiff.ir.core import Call, For, Function, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.types import Array, List, Struct
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import containers, memory
from srcdiff.transforms.analysis.defuse import all_regions, defined_in
from srcdiff.transforms.passes import each_function


def held_roots(fn: Function, roots: Roots) -> frozenset[Value]:
    """The roots that escape as storage: as yields of branches and iterations, as results, and into containers.

    A `read` of storage that nothing writes is not storage of its own: a holder of the read holds that storage.
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


def own_results(fn: Function) -> Function:
    """`fn`, with all that it calls, where results share no storage with arguments, earlier results, or each other's
    items.
    """
    fn = each_function(fn, lambda f: _OwnItems(f)(f))
    roots = storage_roots(fn)
    taken = _taken(fn, roots)
    lasting = _lasting_reads(fn, roots)
    b = Builder(shapes_for(fn), "adjoint", fn.location)
    yields: list[Atom] = []
    for y in fn.body.yields:
        mine = _returned(y, roots, lasting)
        if isinstance(y, Value) and mine & taken:
            y = own_copy(y, b)
        taken |= mine
        yields.append(y)
    return fn.with_body(Region(fn.params, (*fn.body.body, *b.body), tuple(yields)))


def _lasting_reads(fn: Function, roots: Roots) -> dict[Value, Atom]:
    """Reads of storage that nothing writes any more, with that storage, which is returned in their place."""
    found: dict[Value, Atom] = {}
    written: set[Value] = set()
    for s in reversed(list(walk(fn.body))):
        if not isinstance(s, Op):
            continue
        written.update(writes_of(s, roots))
        base = s.operands[0] if s.decl is memory.read else None
        if isinstance(base, Value) and written.isdisjoint(roots.get(base, ())):
            found[s.result] = base
    return found


def _returned(y: Atom, roots: Roots, lasting: Mapping[Value, Atom]) -> set[Value]:
    """The storage that the caller gets with a result."""
    found: set[Value] = set()
    stack = [y]
    while stack:
        atom = stack.pop()
        new = roots.get(atom, frozenset()) - found if isinstance(atom, Value) else frozenset()
        found |= new
        stack += [lasting[r] for r in new if r in lasting]
    return found


def _taken(fn: Function, roots: Roots) -> set[Value]:
    """The storage of the arguments, and of their contents."""
    return {r for p in fn.params for r in roots.get(p, (p,))}


def own_copy(value: Value, b: Builder) -> Atom:
    """A copy that shares no storage, at any depth."""
    if isinstance(value.type, Array):
        return b.op(memory.copy, value, name=value.name)
    if isinstance(value.type, Struct):
        parts = [b.op(containers.get, value, key=k) for k in value.type.keys]
        copies = [own_copy(p, b) for p in parts]
        return b.op(
            containers.pack, *copies, kind=value.type.kind, keys=value.type.keys, cls=value.type.cls
        )
    if isinstance(value.type, List):
        deep = has_storage(value.type.element)
        decl = containers.list_copy_items if deep else containers.list_copy
        return b.op(decl, value, name=value.name)
    return value


_POP = containers.list_pop


class _OwnItems(Rewriter):
    """Copies items of result lists: arguments, items of other iterations, items that are already on the list.

    An item that the program writes is not copied: the user may want one array at two places.
    """

    def __init__(self, fn: Function) -> None:
        self.roots = storage_roots(fn)
        self.written = written_roots(fn, self.roots)
        self.taken = _taken(fn, self.roots)
        self.held = set(self.taken)
        given = (self.roots.get(y, ()) for y in fn.body.yields if isinstance(y, Value))
        self.lists = {r for roots in given for r in roots if isinstance(r.type, List)}
        self.popped: set[Value] = set()
        while self.moves(fn.body):
            pass
        self.in_loop: frozenset[Value] | None = None  # values of the innermost loop's body

    def moves(self, region: Region) -> bool:
        """Add lists whose items are moved to result lists; whether there were any."""
        before = len(self.lists)
        pops = {s.result: s for s in walk(region) if isinstance(s, Op) and s.decl is _POP}
        for s in walk(region):
            if isinstance(s, Op) and s.decl.holds and self.is_given(s):
                moved = {v for v in s.operands if isinstance(v, Value) and v in pops}
                self.popped |= moved
                emptied = [pops[v].operands[0] for v in moved]
                self.lists.update(*(self.roots.own[x] for x in emptied if isinstance(x, Value)))
        return len(self.lists) > before

    def is_given(self, op: Op) -> bool:
        target = op.operands[0] if op.decl.writes else op.result
        own = self.roots.own.get(target, ()) if isinstance(target, Value) else ()
        return not self.lists.isdisjoint(own)

    def keep(self, old: Statement, env: Env, b: Builder) -> Statement:
        outer = self.in_loop
        if isinstance(old, For | While):
            self.in_loop = frozenset(v for r in regions_of(old) for v in defined_in(r))
        new = super().keep(old, env, b)
        self.in_loop = outer
        if isinstance(new, Op) and new.decl.holds and self.is_given(new):
            return self.with_own_items(new, b)
        return new

    def with_own_items(self, op: Op, b: Builder) -> Op:
        items = op.operands[1:] if op.decl.writes else op.operands
        own = [own_copy(a, b) if isinstance(a, Value) and self.is_shared(a) else a for a in items]
        return replace(op, operands=(*op.operands[: -len(own)], *own) if own else ())

    def is_shared(self, item: Value) -> bool:
        """Whether another holder has, or gets, an item; notes that the list holds it now."""
        roots = self.roots.get(item, frozenset())
        shared = roots & (self.taken if item in self.popped else self.held)
        if self.in_loop is not None and item not in self.popped:
            shared |= roots - self.in_loop
        self.held |= roots
        return not shared <= self.written
