"""0-d arrays with two names, both of which `s += v` changes.

To the IR `np.array(0.5)` is a number, and so is `y[..., 0]`: after `s += v` the name has another number, and other
names keep the old one. NumPy changes the array instead. So a program is refused if, after such a line, it reads another
value that may be the changed array, or a view of it:

    t = s          s: the result of `np.array`, a part of an array, a parameter
    s += v         changes `t`
    return t

A parameter may also be a NumPy number, which is not changed: that is noted, and callers compare it with their
arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from srcdiff.frontend.containers.zero_dim_aliases import (
    Root,
    Roots,
    RootsOf,
    summary_of,
    type_of_root,
)
from srcdiff.frontend.core.external_arrays import ExternalArray, refuse_change
from srcdiff.frontend.source.refusals import fail
from srcdiff.ir.core import Call, For, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.facts import ZeroDimEffects
from srcdiff.ir.location import Location
from srcdiff.ir.types import Array, Scalar, Struct
from srcdiff.ir.values import Atom, Value


def zero_dim_effects(
    region: Region, updates: set[Value], outside: Mapping[int, ExternalArray]
) -> ZeroDimEffects:
    """What a function does to arrays without axes. `updates`: what `s += v` made of numbers. `outside`: constants
    that are such arrays.

    Raises
    ------
    UnsupportedError
        Where one that it makes, or a part of an array, is changed and read under another name; and where one from
        outside is changed.
    """
    roots = RootsOf(region, updates, outside)
    check = _Check(roots)
    check.region(region, set())
    held = [roots.reach(a) - roots.of(a) for a in region.yields]
    alone = filter(roots.alone, frozenset().union(*held))
    results = map(roots.of, region.yields)
    return ZeroDimEffects(
        check.changed,
        check.refused,
        tuple(map(roots.seen, results)),
        tuple(map(roots.seen, held)),
        roots.seen(alone),
        {found.name: found.array for found in outside.values()},
    )


def _overlap(left: Root, right: Root) -> bool:
    return all(a is b or a == b for a, b in zip(left, right, strict=False))


class _Check:
    """Goes backwards with what is read later."""

    def __init__(self, roots: RootsOf) -> None:
        self.roots = roots
        self.changed: dict[Root, Location | None] = {}
        self.refused: dict[Root, Location | None] = {}
        self.parts = {
            v
            for v, found in roots.found.items()
            if isinstance(v.type, Scalar) and any(isinstance(type_of_root(r), Array) for r in found)
        }

    def region(self, region: Region, later: set[Value]) -> set[Value]:
        """The values that are read from the start of a region on."""
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
            made = {v for s in walk(*regions_of(statement)) for v in s.results}
            made |= {p for r in _regions(statement) for p in r.params}
            used = {v for s in walk(*regions_of(statement)) for v in _read(s)}
            used |= {v for r in _regions(statement) for v in _values(r.yields)}
            parts = {v for s in walk(*regions_of(statement)) if _takes_part(s) for v in s.results}
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
        summary = summary_of(call)
        for root in summary.refused:
            self.tear(self.roots.given_to(call, root), call.location)
        for root in summary.changed:
            others = {*_values(o for k, o in enumerate(call.operands) if k != root[0])}
            changed = self.roots.given_to(call, root)
            self.compare(changed, (live - {*call.results}) | others, call, True)

    def compare(self, changed: Roots, live: set[Value], by: Op | Call, is_number: bool) -> None:
        """Compare a changed value with the values that are read later. `is_number`: in a way that the IR does not
        see.
        """
        if not changed:
            return
        if is_number:
            for root in changed:
                if isinstance(root[0], ExternalArray):
                    refuse_change(root[0], by.location)
            self.changed.update((r, by.location) for r in self.roots.outside(changed))
        else:  # the IR sees what arrays see of it
            numbers = frozenset(r for r in changed if isinstance(type_of_root(r), Scalar))
            self.compare(numbers, live, by, True)
            live = live & self.parts
        for value in live:
            held = self.roots.reach(value) - self.roots.of(value)
            if by in self.roots.put_back:  # its own list has the new one
                held = frozenset(r for r in held if not self.roots.alone(r))
            found = self.roots.of(value) | {r for r in held if self.roots.may_hold(r, by)}
            for root in found:
                self.tear((r for r in changed if _overlap(r, root)), by.location)

    def tear(self, roots: Iterable[Root], where: Location | None) -> None:
        for root in roots:
            if root[0] not in self.roots.given or isinstance(type_of_root(root), Array):
                fail(
                    "this changes an array without axes that is read under another name later",
                    "Write `s = s + v`, which makes a new number, or use an array of shape (1,).",
                    where,
                )
            self.refused.update((r, where) for r in self.roots.outside([root]))


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


def _regions(statement: Statement) -> Iterator[Region]:
    for s in (statement, *walk(*regions_of(statement))):
        yield from regions_of(s)
