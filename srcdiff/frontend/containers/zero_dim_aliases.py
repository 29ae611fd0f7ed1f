"""Alias analysis of 0-d arrays: which values may be 0-d arrays, and which names and containers may hold them (see
`zero_dim_arrays.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from srcdiff.frontend.core.external_arrays import ExternalArray
from srcdiff.ir.core import Call, For, If, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.facts import ZeroDimEffects
from srcdiff.ir.types import Array, List, Scalar, Struct, Type
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.core.index_patterns import boxes

Root = tuple[Any, ...]  # what has storage, and the keys of a part of it
Roots = frozenset[Root]


_NOTHING: Roots = frozenset()
_PARTS = ("get", "unpack", "list_item", "list_pop")


def type_of_root(root: Root) -> Any:
    type_ = root[0].type
    for key in root[1:]:
        if not isinstance(type_, Struct) or key not in type_.keys:  # of an item of a list
            return type_
        type_ = type_.parts[type_.keys.index(key)]
    return type_


def _may_be(type_: Type) -> bool:
    """Whether something of a type may be an array without axes, or hold one: a Python number is none."""
    return not isinstance(type_, Scalar) or not type_.weak


def _items(op: Op, type_: Type) -> Iterator[Atom]:
    """The values that a container made by an operation may hold: the elements of `list(x)` of a vector are numbers."""
    are_numbers = isinstance(type_, List) and isinstance(type_.element, Scalar)
    return (a for a in op.operands if not (are_numbers and isinstance(a.type, Array)))


class RootsOf:
    """For each value, the roots that it may be, or share storage with."""

    def __init__(
        self, region: Region, updates: set[Value], outside: Mapping[int, ExternalArray]
    ) -> None:
        self.updates = updates
        self.constants = outside
        self.given = {p: k for k, p in enumerate(region.params)}
        self.found: dict[Value, Roots] = {
            p: frozenset({(p,)}) for p in region.params if _may_be(p.type)
        }
        self.held: dict[Root, set[Root]] = defaultdict(set)
        self.holders: dict[Root, set[Statement]] = defaultdict(set)
        self.made: dict[tuple[Call, Root], Value] = {}  # what callees make, which has no name here
        self.made_by: dict[Value, tuple[Call, Root]] = {}
        self.places = _Places(region)
        self.put_back = _put_back(region, updates)
        before = -1
        while before != (before := self.size()):
            for statement in walk(region):
                self.visit(statement)

    def size(self) -> int:
        return sum(map(len, self.found.values())) + sum(map(len, self.held.values()))

    def of(self, atom: Atom) -> Roots:
        if isinstance(atom, Const):
            found = self.constants.get(id(atom))
            return frozenset({(found,)}) if found else _NOTHING
        return self.found.get(atom, _NOTHING)

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

    def seen(self, roots: Iterable[Root]) -> Roots:
        """The roots as callers see them."""
        return frozenset((self.given.get(r[0], r[0]), *r[1:]) for r in roots)

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
            elif not isinstance(result.type, Scalar) or boxes(op):
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
        """Whether a container may hold what is changed: not if an iteration makes the value, and puts it there after
        the change.
        """
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

    def alone(self, root: Root) -> bool:
        """Whether one container holds the value, at one place: each value is put there once, in the iteration that
        makes it.
        """
        holders = [h for h in self.holders[root] if h not in self.put_back.values()]
        if root[0] in self.given or len(root) > 1 or len(holders) != 1:
            return False
        (holder,) = holders
        if self.places.loops[holder] != self.places.of_values.get(root[0]):
            return False
        call, there = self.made_by.get(root[0], (None, ()))
        if not isinstance(holder, Op):
            if holder is not call:
                return False
            summary = summary_of(call)
            return there in summary.unshared and [there in h for h in summary.held].count(True) == 1
        names = (root[0], *(call.results if call else ()))
        given = holder.operands[1:] if holder.decl.writes else holder.operands
        put = [a for a in given if root in self.reach(a)]
        return len(put) == 1 and put[0] in names

    def part(self, op: Op, k: int) -> Iterator[Root]:
        """The roots of a value that is taken out of a container."""
        base, result = op.operands[0], op.results[k]
        if isinstance(base.type, Array):
            return iter(self.of(base) if isinstance(result.type, Array) else ())
        found = set(self.reach(base) - self.of(base))
        for root in self.of(base):
            if root[0] in self.given:
                keys = base.type.keys if isinstance(base.type, Struct) else ()
                is_struct = bool(keys) and isinstance(type_of_root(root), Struct)
                found.add((*root, op.attrs.get("key", keys[k])) if is_struct else root)
        return iter(found)

    def call(self, call: Call) -> None:
        summary = summary_of(call)
        for result, roots, held in zip(call.results, summary.results, summary.held, strict=True):
            for root in roots:
                self.bind(result, self.given_to(call, root))
            for root in held:
                found = self.given_to(call, root)
                for container in self.of(result):
                    self.held[container] |= found
                for each in found:
                    self.holders[each].add(call)

    def given_to(self, call: Call, root: Root) -> Roots:
        """The roots here of a root of the callee."""
        if isinstance(root[0], ExternalArray):
            return frozenset({root})
        if isinstance(root[0], Value):  # made there
            value = self.made.setdefault((call, root), Value(type_of_root(root), "made"))
            self.made_by[value] = (call, root)
            self.places.of_values[value] = self.places.loops[call]
            return frozenset({(value,)})
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


def _put_back(region: Region, updates: set[Value]) -> dict[Statement, Statement]:
    """`items[k] += v`: from the change of the item to where it is stored in its place."""
    made: dict[Atom, tuple[int, Op]] = {}  # with how many lists were written before
    found: dict[Statement, Statement] = {}
    writes = 0
    for s in walk(region):
        if not isinstance(s, Op):
            continue
        made |= dict.fromkeys(s.results, (writes, s))
        new = s.operands[2] if s.decl.name == "list_set" else None
        if new in updates:
            change = made[new][1]
            item = change.operands[0]
            taken = made.get(item)
            if taken is not None and taken[0] == writes and taken[1].operands == s.operands[:2]:
                found[change] = s
        writes += bool(s.decl.writes) and isinstance(s.operands[0].type, List)
    return found


def summary_of(call: Call) -> ZeroDimEffects:
    return call.function.source.zero_dim
