"""Arrays without axes that have two names, which `s += v` changes both of.

To the IR `np.array(0.5)` is a number, and so is `y[..., 0]`: after `s += v` the name has another number, and whoever
else has the old one keeps it. NumPy changes the array instead. So a program is refused if, after such a line, it reads
something else that may be, or may be a view of, what was changed:

    t = s          s: what `np.array` made, a part of an array, a parameter
    s += v         changes what `t` is
    return t

A parameter may be a NumPy number as well, which is not changed: what depends on that is noted, for callers to compare
with what they give.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from srcdiff.frontend.subset import fail
from srcdiff.ir.core import (
    Atom,
    Call,
    For,
    If,
    Op,
    Region,
    Statement,
    Value,
    While,
    regions_of,
    walk,
)
from srcdiff.ir.location import Location
from srcdiff.ir.types import Array, List, Scalar, Struct

__all__ = ["Boxes", "boxes_of"]

Root = tuple[Any, ...]  # a value that has storage, and the keys of a part of it
Roots = frozenset[Root]

_NOTHING: Roots = frozenset()
_PARTS = ("get", "unpack", "list_item", "list_pop")


@dataclass(frozen=True)
class Boxes:
    """What a function does to arrays without axes that it is given; a root is (position of the parameter, *keys).

    Attributes
    ----------
    changed : mapping of root to Location
        What is changed in place, if it is no number.
    torn : mapping of root to Location
        What may not be such an array: it is changed, and read under another name.
    results : tuple of set of root
        What each result may be; () is something new.
    """

    changed: Mapping[Root, Location | None] = field(default_factory=dict)
    torn: Mapping[Root, Location | None] = field(default_factory=dict)
    results: tuple[Roots, ...] = ()


def boxes_of(region: Region, updates: set[Value]) -> Boxes:
    """What a function does to arrays without axes. `updates`: what `s += v` made of numbers.

    Raises
    ------
    UnsupportedError
        Where one that it makes, or a part of an array, is changed and read under another name.
    """
    roots = _Roots(region, updates)
    check = _Check(roots)
    check.region(region, set())
    return Boxes(check.changed, check.torn, tuple(map(roots.seen, region.yields)))


def _overlap(left: Root, right: Root) -> bool:
    return all(a is b or a == b for a, b in zip(left, right, strict=False))


def _type(root: Root) -> Any:
    type_ = root[0].type
    for key in root[1:]:
        if not isinstance(type_, Struct) or key not in type_.keys:  # of an item of a list
            return type_
        type_ = type_.parts[type_.keys.index(key)]
    return type_


def _may_be(type_: Any) -> bool:
    """Whether something of a type may be an array without axes, or hold one: a Python number is none."""
    return not isinstance(type_, Scalar) or not type_.weak


def _is_box(op: Op) -> bool:
    return op.decl.boxes or (op.decl.name == "index" and "..." in op.attrs["where"])


def _items(op: Op, type_: Any) -> Iterator[Atom]:
    """What a container that an operation makes may hold: the elements that `list(x)` takes of a vector are numbers."""
    are_numbers = isinstance(type_, List) and isinstance(type_.element, Scalar)
    return (a for a in op.operands if not (are_numbers and isinstance(a.type, Array)))


class _Roots:
    """What each value may be, or share storage with."""

    def __init__(self, region: Region, updates: set[Value]) -> None:
        self.updates = updates
        self.given = {p: k for k, p in enumerate(region.params)}
        self.found: dict[Value, Roots] = {
            p: frozenset({(p,)}) for p in region.params if _may_be(p.type)
        }
        self.held: dict[Root, set[Root]] = defaultdict(set)
        self.holders: dict[Root, set[Statement]] = defaultdict(set)
        self.places = _Places(region)
        before = -1
        while before != (before := self.size()):
            for statement in walk(region):
                self.visit(statement)

    def size(self) -> int:
        return sum(map(len, self.found.values())) + sum(map(len, self.held.values()))

    def of(self, atom: Atom) -> Roots:
        return self.found.get(atom, _NOTHING) if isinstance(atom, Value) else _NOTHING

    def reach(self, atom: Atom) -> Roots:
        """With what a container holds."""
        found: set[Root] = set()
        pending = [*self.of(atom)]
        while pending:
            root = pending.pop()
            if root not in found:
                found.add(root)
                pending += self.held.get(root, ())
        return frozenset(found)

    def outside(self, roots: Iterable[Root]) -> Iterator[Root]:
        """Those of parameters, by position."""
        return ((self.given[r[0]], *r[1:]) for r in roots if r[0] in self.given)

    def seen(self, result: Atom) -> Roots:
        """What a result may be, for callers."""
        found = self.of(result)
        is_new = any(root[0] not in self.given for root in found)
        return frozenset(self.outside(found)) | ({()} if is_new else _NOTHING)

    def bind(self, target: Value, roots: Iterable[Root]) -> None:
        self.found[target] = self.found.get(target, _NOTHING).union(roots)

    def visit(self, statement: Statement) -> None:
        match statement:
            case Op():
                self.op(statement)
            case If():
                for branch in regions_of(statement):
                    self.pass_on(statement.results, branch.yields)
            case For():
                for targets in (statement.body.params[1:], statement.carried_results):
                    self.pass_on(targets, statement.carried)
                    self.pass_on(targets, statement.carried_yields)
            case While():
                for targets in (*(r.params for r in regions_of(statement)), statement.results):
                    self.pass_on(targets, statement.carried)
                    self.pass_on(targets, statement.carried_yields)
            case Call():
                self.call(statement)

    def pass_on(self, targets: tuple[Value, ...], sources: tuple[Atom, ...]) -> None:
        for target, source in zip(targets, sources, strict=False):
            self.bind(target, self.of(source))

    def op(self, op: Op) -> None:
        at, name = op.decl.view_of, op.decl.name
        if op.decl.writes and isinstance(op.operands[0].type, List):
            for root in self.of(op.operands[0]):
                self.hold(op, root, op.operands[1:])
        for k, result in enumerate(op.results):
            if not _may_be(result.type):
                continue
            if result in self.updates:
                self.bind(result, self.of(op.operands[0]))
            elif name in _PARTS:
                self.bind(result, self.part(op, k))
            elif op.spelling in ("max", "min"):  # Python's, which give one of their arguments
                self.bind(result, frozenset().union(*map(self.of, op.operands)))
            elif not isinstance(result.type, Scalar) or _is_box(op):
                self.bind(result, {(result,)})
                if at is not None and at < len(op.operands):
                    self.bind(result, self.of(op.operands[at]))
            if op.decl.holds or isinstance(result.type, List | Struct):
                self.hold(op, (result,), _items(op, result.type))

    def hold(self, op: Op, root: Root, operands: Iterable[Atom]) -> None:
        """A container gets something."""
        for found in map(self.reach, operands):
            self.held[root] |= found
            for each in found:
                self.holders[each].add(op)

    def may_hold(self, root: Root, statement: Statement) -> bool:
        """Whether a container may hold what is changed: not if a turn makes it, and puts it there behind that."""
        home, around = self.places.of_values.get(root[0], ()), self.places.loops[statement]
        if around[: len(home)] != home:
            return True
        if home and any(root in self.of(p) for p in home[-1].body.params):
            return True
        order, deeper = self.places.order, {*around[len(home) :]}
        return any(
            order[h] < order[statement] or not deeper.isdisjoint(self.places.loops[h])
            for h in self.holders[root]
        )

    def part(self, op: Op, k: int) -> Iterator[Root]:
        """What is taken out of a container."""
        base, result = op.operands[0], op.results[k]
        if isinstance(base.type, Array):
            return iter(self.of(base) if isinstance(result.type, Array) else ())
        found = set(self.reach(base) - self.of(base))
        for root in self.of(base):
            if root[0] in self.given:
                keys = base.type.keys if isinstance(base.type, Struct) else ()
                is_struct = bool(keys) and isinstance(_type(root), Struct)
                found.add((*root, op.attrs.get("key", keys[k])) if is_struct else root)
        return iter(found)

    def call(self, call: Call) -> None:
        for result, roots in zip(call.results, _summary(call).results, strict=True):
            if () in roots:
                self.bind(result, {(result,)})
            self.bind(result, (r for root in roots if root for r in self.given_to(call, root)))

    def given_to(self, call: Call, root: Root) -> Roots:
        """What a root of a callee's is here."""
        operand = call.operands[root[0]]
        if len(root) > 1:
            named = {(*r, *root[1:]) for r in self.of(operand) if r[0] in self.given}
            return frozenset(named) | (self.reach(operand) - self.of(operand))
        return self.of(operand)


class _Places:
    """In which order statements stand, and in which loops they and the values that they make are."""

    def __init__(self, region: Region) -> None:
        self.order = {s: k for k, s in enumerate(walk(region))}
        self.loops: dict[Statement, tuple[For | While, ...]] = {}
        self.of_values: dict[Value, tuple[For | While, ...]] = {}
        self.enter(region, ())

    def enter(self, region: Region, around: tuple[For | While, ...]) -> None:
        for statement in region.body:
            self.loops[statement] = around
            self.of_values.update((v, around) for v in statement.results)
            inner = (*around, statement) if isinstance(statement, For | While) else around
            for each in regions_of(statement):
                self.enter(each, inner)


class _Check:
    """Goes backwards with what is read later."""

    def __init__(self, roots: _Roots) -> None:
        self.roots = roots
        self.changed: dict[Root, Location | None] = {}
        self.torn: dict[Root, Location | None] = {}
        self.parts = {
            v
            for v, found in roots.found.items()
            if isinstance(v.type, Scalar) and any(isinstance(_type(r), Array) for r in found)
        }

    def region(self, region: Region, later: set[Value]) -> set[Value]:
        """What is read from the start of a region on."""
        live = later | {*_values(region.yields)}
        for statement in reversed(region.body):
            match statement:
                case Op():
                    self.write(statement, live)
                case Call():
                    self.call(statement, live)
            live = self.before(statement, live)
        return live

    def before(self, statement: Statement, live: set[Value]) -> set[Value]:
        if not _takes_part(statement):
            live = live - {*statement.results}
        inner = live
        if isinstance(statement, For | While):
            made = {v for s in _all(statement) for v in s.results}
            made |= {p for r in _regions(statement) for p in r.params}
            used = {v for s in _all(statement) for v in _read(s)}
            used |= {v for r in _regions(statement) for v in _values(r.yields)}
            parts = {v for s in _all(statement) if _takes_part(s) for v in s.results}
            inner = live | (used - made) | parts
        for region in regions_of(statement)[::-1]:
            found = self.region(region, inner) - {*region.params}
            live = live | found
            inner = inner | found if isinstance(statement, While) else inner
        return live | {*_read(statement)}

    def write(self, op: Op, live: set[Value]) -> None:
        updated = [r for r in op.results if r in self.roots.updates]
        if updated:
            self.compare(self.roots.of(op.operands[0]), live - {*updated}, op, True)
        elif op.decl.writes and isinstance(op.operands[0].type, Array):
            self.compare(self.roots.of(op.operands[0]), live, op, False)

    def call(self, call: Call, live: set[Value]) -> None:
        summary = _summary(call)
        for root in summary.torn:
            self.tear(self.roots.given_to(call, root), call.location)
        for root in summary.changed:
            others = {*_values(o for k, o in enumerate(call.operands) if k != root[0])}
            changed = self.roots.given_to(call, root)
            self.compare(changed, (live - {*call.results}) | others, call, True)

    def compare(self, changed: Roots, live: set[Value], by: Op | Call, is_number: bool) -> None:
        """What is changed with what is read later. `is_number`: in a way that the IR does not see."""
        if not changed:
            return
        if is_number:
            self.changed.update((r, by.location) for r in self.roots.outside(changed))
        else:  # the IR sees what arrays see of it
            numbers = frozenset(r for r in changed if isinstance(_type(r), Scalar))
            self.compare(numbers, live, by, True)
            live = live & self.parts
        for value in live:
            held = self.roots.reach(value) - self.roots.of(value)
            found = self.roots.of(value) | {r for r in held if self.roots.may_hold(r, by)}
            for root in found:
                self.tear((r for r in changed if _overlap(r, root)), by.location)

    def tear(self, roots: Iterable[Root], where: Location | None) -> None:
        for root in roots:
            if root[0] not in self.roots.given or isinstance(_type(root), Array):
                fail(
                    "this changes an array without axes that is read under another name later",
                    "Write `s = s + v`, which makes a new number, or use an array of shape (1,).",
                    where,
                )
            self.torn.update((r, where) for r in self.roots.outside([root]))


def _summary(call: Call) -> Boxes:
    found: Boxes = call.function.notes["boxes"]
    return found


def _values(atoms: Iterable[Atom]) -> Iterator[Value]:
    return (a for a in atoms if isinstance(a, Value))


def _takes_part(statement: Statement) -> bool:
    """Whether it reads of a container only what it takes out."""
    return (
        isinstance(statement, Op)
        and statement.decl.name in ("get", "unpack")
        and isinstance(statement.operands[0].type, Struct)
    )


def _read(statement: Statement) -> Iterator[Value]:
    if _takes_part(statement):
        return iter(())
    if not isinstance(statement, Op):
        return _values(statement.operands)
    return _values(o for k, o in enumerate(statement.operands) if k not in statement.decl.shape_of)


def _all(statement: Statement) -> Iterator[Statement]:
    return (s for region in regions_of(statement) for s in walk(region))


def _regions(statement: Statement) -> Iterator[Region]:
    for s in (statement, *_all(statement)):
        yield from regions_of(s)
