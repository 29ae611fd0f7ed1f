"""Which values may share storage, and what statements read and write.

Storage is named by *roots*: a parameter, or the value that an operation which is no view made. Everything else refers
to the storage of roots: views to their base's, what leaves a branch or a loop to all that may flow in (so after
`u, v = v, u` in a loop both names may mean both buffers).

    %H = zeros_like %x          roots: %x -> {%x}, %H -> {%H}, %row -> {%H}
    %row = index[:, i] %H, 0
    store %row, 1.0, 0          writes {%H}

A container's roots are its own and those of what it holds. Parts of one parameter are separate: the first value that
takes a part is that part's root. An item of a list made here shares storage with what was put on the list; an item of a
list that comes from elsewhere with the list. So `append` writes the list, but not the arrays on it.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from srcdiff.ir.core import Call, For, Function, If, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.types import Array, List, Scalar, Static, Struct, Type
from srcdiff.ir.values import Atom, Value

Part = tuple[Value, object]

_ITEMS = "*"  # the key of all elements of a list
_COPIES = {"copy", "read", "list_copy"}  # of a list: a new list of the same elements
_SLOTS = {"save", "restore"}  # what goes in comes out
_READ_WRITTEN = {"launch"}  # what a kernel writes may be what it reads
_IN_ITEMS = {"list_add"}  # changes the arrays on a list


def has_storage(type_: Type) -> bool:
    return type(type_) is not Scalar and type(type_) is not Static


class Roots(dict[Value, frozenset[Value]]):
    """For each array, list or struct: the roots that it may be, be a view of, or hold.

    `own[v]` leaves out what it holds: for a list, the roots that may be the list itself.
    """

    def __init__(
        self,
        refers: Mapping[Value, set[Value]] = MappingProxyType({}),
        held: Mapping[Value, set[Value]] = MappingProxyType({}),
    ) -> None:
        super().__init__({v: _closure(own, held) for v, own in refers.items()})
        self.own = {
            v: frozenset(
                r for r in own if isinstance(v.type, Array) or not isinstance(r.type, Array)
            )
            for v, own in refers.items()
        }

    def of(self, atom: Atom) -> frozenset[Value]:
        """The roots of an operand; constants have none."""
        return self.get(atom, frozenset()) if isinstance(atom, Value) else frozenset()

    def copied(self) -> Roots:
        """The same, for a pass that adds to it."""
        new = Roots()
        new.update(self)
        new.own = dict(self.own)
        return new

    def copy_to(self, new: Value, old: Value, copies: Mapping[Value, Value]) -> None:
        """A copy of a value refers to the copies of the storage that was copied with it."""
        self[new] = frozenset(copies.get(r, r) for r in self[old])
        self.own[new] = frozenset(copies.get(r, r) for r in self.own[old])


def storage_roots(fn: Function) -> Roots:
    """For each array, list or struct of `fn`: the roots whose storage it may refer to, or hold.

    Pass after pass needs the roots of a function that none of them has changed: the latest are kept.
    """
    return _roots_in(fn.body)


@functools.lru_cache(maxsize=8)
def _roots_in(body: Region) -> Roots:
    return _Heap(body).roots()


def written_roots(fn: Function, roots: Roots | None = None) -> frozenset[Value]:
    roots = storage_roots(fn) if roots is None else roots
    return frozenset().union(*(writes_of(s, roots) for s in fn.body.body))


def writes_of(statement: Statement, roots: Roots) -> frozenset[Value]:
    """The roots that a statement, with its regions, may write."""
    if type(statement) is Op and not statement.decl.writes:
        return frozenset()
    out: set[Value] = set()
    for inner in with_inner(statement):
        if isinstance(inner, Op | Call):
            for position in written_operands(inner):
                out |= _written(inner, inner.operands[position], roots)
    return frozenset(out)


def written_operands(statement: Op | Call) -> tuple[int, ...]:
    """The positions of operands that are written; of calls, those of what threads run (`thread_bodies`)."""
    if isinstance(statement, Op):
        return statement.decl.writes
    return statement.function.interface.written_params


def reads_of(statement: Statement, roots: Roots) -> frozenset[Value]:
    """The roots whose contents a statement, with its regions, may read.

    Making a view of an array reads nothing, taking a list's item reads the list (not the items). What is written is not
    counted, although `+=` reads it: reordering has to look at `writes_of` as well.
    """
    out: set[Value] = set()
    for inner in (statement,) if type(statement) is Op else with_inner(statement):
        if type(inner) is Op:
            for position, operand in enumerate(inner.operands):
                if type(operand) is Value and has_storage(operand.type):
                    out |= _read(inner, position, operand, roots)
        elif isinstance(inner, Call):
            out.update(*(roots.get(a, ()) for a in inner.operands if isinstance(a, Value)))
    return frozenset(out)


def has_effect(statement: Statement) -> bool:
    """Whether something other than storage sees that a statement runs: `print`, `raise`, `save`."""
    return any(isinstance(s, Op) and s.decl.effect for s in with_inner(statement))


def may_raise(statement: Statement) -> bool:
    """Whether a statement may not come to its end: it raises, or is a `while`."""
    return any(
        s.decl.raises if isinstance(s, Op) else isinstance(s, Call | While)
        for s in with_inner(statement)
    )


def with_inner(statement: Statement) -> Iterator[Statement]:
    """A statement, and those in its regions."""
    yield statement
    for region in regions_of(statement):
        yield from walk(region)


def _written(op: Op | Call, operand: Atom, roots: Roots) -> frozenset[Value]:
    if not isinstance(operand, Value):
        return frozenset()
    return (
        roots.own.get(operand, frozenset())
        if isinstance(op, Op) and _puts_on_list(op)
        else roots.get(operand, frozenset())
    )


def _lists(container: Value, roots: Roots) -> frozenset[Value]:
    """The roots that may be the list, or a list on it: all that has a number of elements."""
    return frozenset(r for r in roots.get(container, ()) if not isinstance(r.type, Array))


def _read(op: Op, position: int, operand: Value, roots: Roots) -> frozenset[Value]:
    """The roots that an operation reads through an operand that has storage."""
    if position in op.decl.writes and op.decl.name not in _READ_WRITTEN:
        return frozenset()
    if op.decl.holds or _puts_on_list(op):
        return frozenset()
    if isinstance(operand.type, List) and position in (op.view_of, *op.decl.shape_of):
        if any(isinstance(r.type, List) for r in op.results) and position in op.decl.shape_of:
            return _lists(operand, roots)
        return roots.own.get(operand, frozenset())
    if position in op.decl.shape_of:
        return frozenset()
    if op.view_of == position and all(has_storage(r.type) for r in op.results):
        return frozenset()
    return roots.get(operand, frozenset())


def _puts_on_list(op: Op) -> bool:
    if not op.decl.writes or op.decl.name in _IN_ITEMS:
        return False
    return any(isinstance(op.operands[i].type, List) for i in op.decl.writes)


def _concerns_storage(op: Op) -> bool:
    writes = op.decl.writes or op.decl.name == "save"
    return bool(writes) or any(has_storage(r.type) for r in op.results)


def _may_grow(statement: Statement) -> bool:
    """Whether what is found of a statement depends on what its operands refer to; other results are just roots."""
    if not isinstance(statement, Op):
        return any(has_storage(r.type) for r in statement.results)
    name = statement.decl.name
    if statement.decl.holds or name in _SLOTS or _puts_on_list(statement):
        return True
    passes_on = statement.view_of is not None or name in _COPIES
    return passes_on and any(has_storage(r.type) for r in statement.results)


class _Heap:
    """What values refer to and what containers hold, grown until nothing changes.

    `refers[v]`: the roots that v may be, or be a view of. `holds[root, key]`: the same for what a container has under a
    key.
    """

    def __init__(self, body: Region) -> None:
        self.refers: dict[Value, set[Value]] = defaultdict(set)
        self.holds: dict[Part, set[Value]] = defaultdict(set)
        self.opaque: set[Value] = set()  # containers made elsewhere: they hold storage of their own
        self.saved: dict[object, set[Value]] = defaultdict(set)
        self.grown = True
        for param in body.params:
            self.make(param)
        self.again: list[Statement] = []  # those that may find more when they are looked at again
        self.region(body)
        while self.grown:
            self.grown = False
            for statement in self.again:
                self.statement(statement)

    def roots(self) -> Roots:
        held: dict[Value, set[Value]] = defaultdict(set)
        for (root, _), parts in self.holds.items():
            held[root] |= parts
        return Roots(self.refers, held)

    # ---- the lattice ----

    def flow(self, into: set[Value], roots: Iterable[Value]) -> None:
        before = len(into)
        into.update(roots)
        self.grown = self.grown or len(into) > before

    def of(self, atom: Atom) -> set[Value]:
        return self.refers[atom] if isinstance(atom, Value) and has_storage(atom.type) else set()

    def bind(self, value: Value, *sources: Atom) -> None:
        if has_storage(value.type):
            for source in sources:
                self.flow(self.refers[value], self.of(source))

    def make(self, value: Value, opaque: bool = True) -> None:
        """Enter a value that is a root."""
        if has_storage(value.type):
            self.flow(self.refers[value], [value])
            if opaque:
                self.opaque.add(value)

    def taken(self, container: Atom, key: object, taker: Value) -> set[Value]:
        """What `container[key]` may refer to; `taker` stands for a part of a container that was made elsewhere."""
        out: set[Value] = set()
        for root in list(self.of(container)):
            if isinstance(root.type, Struct):
                part = self.holds[root, key]
                if root in self.opaque and not part:
                    self.make(taker)
                    self.flow(part, [taker])
                out |= part
            else:
                out |= self.holds[root, _ITEMS]
                if root in self.opaque:
                    out.add(root)
        return out

    # ---- statements ----

    def region(self, region: Region) -> None:
        for statement in region.body:
            if type(statement) is Op and not _concerns_storage(statement):
                continue
            for inner in regions_of(statement):
                self.region(inner)
            self.statement(statement)
            if _may_grow(statement):
                self.again.append(statement)

    def statement(self, statement: Statement) -> None:
        match statement:
            case Op():
                self.op(statement)
            case If():
                yields = zip(
                    statement.then.yields, statement.orelse.yields, statement.results, strict=True
                )
                for then, orelse, result in yields:
                    self.bind(result, then, orelse)
            case For():
                self.loop(statement, [statement.body.params[1:]], statement.carried_results)
            case While():
                regions = regions_of(statement)
                self.loop(statement, [r.params for r in regions], statement.results)
            case Call():
                for result in statement.results:
                    self.make(result)

    def loop(
        self, loop: For | While, params: Iterable[tuple[Value, ...]], results: tuple[Value, ...]
    ) -> None:
        for targets in (*params, results):
            for target, first, later in zip(
                targets, loop.carried, loop.carried_yields, strict=True
            ):
                self.bind(target, first, later)

    def op(self, op: Op) -> None:
        name = op.decl.name
        if op.decl.holds and not op.decl.writes:
            self.container(op)
        elif name == "save":
            self.flow(self.saved[op.attrs["slot"]], self.of(op.operands[0]))
        elif name == "restore":
            self.restored(op)
        elif _puts_on_list(op):
            self.list_operation(op)
        elif op.view_of is not None:
            self.view(op, op.operands[op.view_of])
        else:
            for result in op.results:
                copied = name in _COPIES and isinstance(result.type, List)
                self.make(result, opaque=not copied)
                if isinstance(result.type, List) and copied and has_storage(result.type.element):
                    self.flow(
                        self.holds[result, _ITEMS], self.taken(op.operands[0], _ITEMS, result)
                    )

    def container(self, op: Op) -> None:
        result = op.result
        self.make(result, opaque=False)
        keys = result.type.keys if isinstance(result.type, Struct) else [_ITEMS] * len(op.operands)
        for key, operand in zip(keys, op.operands, strict=True):
            self.flow(self.holds[result, key], self.of(operand))

    def restored(self, op: Op) -> None:
        """What was saved comes back; where nothing is seen to be saved, storage of its own."""
        saved = self.saved[op.attrs["slot"]]
        if not saved:
            self.make(op.result)
        elif has_storage(op.result.type):
            self.flow(self.refers[op.result], saved)

    def list_operation(self, op: Op) -> None:
        """Operations that change a list: what they put there, and what they take off."""
        for position in op.decl.writes:
            for root in list(self.of(op.operands[position])):
                for operand in op.operands[position + 1 :]:
                    self.flow(self.holds[root, _ITEMS], self.of(operand))
            for result in op.results:
                if has_storage(result.type):
                    self.flow(
                        self.refers[result], self.taken(op.operands[position], _ITEMS, result)
                    )

    def view(self, op: Op, base: Atom) -> None:
        is_struct = isinstance(base.type, Struct)
        for position, result in enumerate(op.results):
            if not has_storage(result.type):
                continue
            if isinstance(base.type, Array):
                self.bind(result, base)
            elif is_struct and "key" not in op.attrs:
                self.flow(self.refers[result], self.taken(base, _key(base.type, position), result))
            else:
                self.flow(
                    self.refers[result], self.taken(base, op.attrs.get("key", _ITEMS), result)
                )


def _key(type_: Type, position: int) -> object:
    assert isinstance(type_, Struct)
    return type_.keys[position]


def _closure(roots: Iterable[Value], held: Mapping[Value, set[Value]]) -> frozenset[Value]:
    """The roots and all that is reached from them."""
    out: set[Value] = set()
    pending = list(roots)
    while pending:
        root = pending.pop()
        if root not in out:
            out.add(root)
            pending += held.get(root, ())
    return frozenset(out)
