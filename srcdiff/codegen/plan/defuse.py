"""Def-use chains of a plan: where values are made and used, and when storage is written."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from srcdiff.codegen.plan.plan import Let, Loop, Node, Plan, assigned_by, flat, walk_nodes
from srcdiff.ir.alias import Roots, written_operands
from srcdiff.ir.core import Call, Op
from srcdiff.ir.values import Atom, Value


@dataclass(frozen=True)
class Use:
    """One place where a value is read; `last`: the end of a loop that reads it again and again."""

    node: Node
    point: int
    last: int
    deeper: bool  # inside a loop that the value is made outside of


@dataclass
class Facts:
    defined: dict[Value, list[int]] = field(
        default_factory=lambda: defaultdict(list)
    )  # points of each assignment
    maker: dict[Value, Node] = field(default_factory=dict)
    uses: dict[Value, list[Use]] = field(default_factory=lambda: defaultdict(list))
    writes: dict[Value, list[int]] = field(default_factory=lambda: defaultdict(list))  # by root
    effects: list[int] = field(default_factory=list)
    named: dict[str, list[tuple[int, Value]]] = field(default_factory=lambda: defaultdict(list))
    roots: Roots = field(default_factory=Roots)

    def written(self, roots: frozenset[Value], after: int, before: int) -> bool:
        """Whether any of the roots is written between two points, neither counted."""
        return any(between(self.writes.get(r, ()), after, before) for r in roots)

    def wrote(self, after: int, before: int) -> bool:
        """Whether anything is written between two points."""
        return any(between(points, after, before) for points in self.writes.values())

    def assigned(self, value: Value, after: int, before: int) -> bool:
        return between(self.defined.get(value, ()), after, before)

    def effect(self, after: int, before: int) -> bool:
        return between(self.effects, after, before)

    def renamed(self, value: Value, after: int, before: int) -> bool:
        """Whether another value takes the user's name of this one between two points."""
        if not (value.user and value.name):
            return False
        points = self.named.get(value.name, [])
        start = bisect_right(points, after, key=lambda p: p[0])
        stop = bisect_left(points, before, key=lambda p: p[0])
        return any(points[k][1] is not value for k in range(start, stop))


def between(points: list[int] | tuple[()], after: int, before: int) -> bool:
    at = bisect_right(points, after)
    return at < len(points) and points[at] < before


def facts_of(plan: Plan, roots: Roots) -> Facts:
    facts = Facts(roots=roots)
    for param in plan.params:
        _define(facts, param, 0)
    nodes = list(walk_nodes(plan.nodes))
    for node in nodes:
        for value in assigned_by(node):
            facts.maker.setdefault(value, node)
            _define(facts, value, node.point + 1)
        _note_writes(facts, node)
    for points in facts.defined.values():
        points.sort()
    for pairs in facts.named.values():
        pairs.sort(key=lambda p: p[0])
    for node in nodes:
        for atom, point, within in _reads(node):
            if isinstance(atom, Value):
                facts.uses[atom].append(_use(facts, atom, node, point, within))
    return facts


def _define(facts: Facts, value: Value, point: int) -> None:
    facts.defined[value].append(point)
    if value.user and value.name:
        facts.named[value.name].append((point, value))


def _reads(node: Node) -> Iterator[tuple[Atom, int, tuple[Loop, ...]]]:
    for atom in flat(node):
        yield atom, node.point, node.loops
    if isinstance(node, Loop) and node.condition is not None:
        yield node.condition, node.tested, (*node.loops, node)


def _use(facts: Facts, value: Value, node: Node, point: int, within: tuple[Loop, ...]) -> Use:
    maker = facts.maker.get(value)
    depth = 0 if maker is None else len(maker.loops) + isinstance(maker, Loop)
    deeper = len(within) > depth
    return Use(node, point, within[depth].end if deeper else point, deeper)


def _note_writes(facts: Facts, node: Node) -> None:
    source = node.source if isinstance(node, Let) else None
    if not isinstance(source, Op | Call):
        return
    if isinstance(source, Op) and source.decl.effect:
        facts.effects.append(node.point + 1)
    for position in written_operands(source):
        operand = source.operands[position]
        if isinstance(operand, Value):
            for root in facts.roots.get(operand, ()):
                facts.writes[root].append(node.point + 1)
