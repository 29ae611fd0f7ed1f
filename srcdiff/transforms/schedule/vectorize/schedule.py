"""Schedule of a vectorised loop: splits its body into groups of statements, which rows of numbers connect.

    %t = sin %x                      group: %t = sin %x; put %t in a row
    for 0, %m { (%j) -> ... %t }     loop of all lanes
                                         group: ... %t, taken from the row

A row holds one number for each lane. A group ends where an inner loop begins or ends. Uniform values (the same for all
lanes) are computed before the group.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

from srcdiff.ir.core import For, If, Op, Region, Statement, regions_of
from srcdiff.ir.types import Scalar
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import memory
from srcdiff.transforms.analysis.defuse import defined_in, used_atoms
from srcdiff.transforms.analysis.dependence.uniformity import Varying


@dataclass(eq=False)
class Row:
    """Storage for a number of each lane."""

    of: Value


@dataclass(eq=False)
class Group:
    """Statements that each lane executes, and the numbers that it stores in rows at their end."""

    statements: list[Statement] = field(default_factory=list)
    puts: list[tuple[Row, Atom]] = field(default_factory=list)


@dataclass(eq=False)
class Nest:
    """A loop or a branch that all lanes execute together."""

    statement: For | If
    inner: tuple[list[Item], ...]


Item = Statement | Group | Nest


class Schedule:
    """An iteration as groups of statements with rows between them; values that are `undefined` are not stored."""

    def __init__(
        self, found: Varying, uses: Mapping[Value, int], undefined: Set[Atom] = frozenset()
    ) -> None:
        self.found = found
        self.uses = uses
        self.undefined = undefined
        self.rows: dict[Atom, Row] = {}
        self.loads = {
            s.result: s for s in found.loop.body.body if isinstance(s, Op) and self.is_load(s)
        }
        self.items = self.region(found.loop.body, {})
        made = {r: g for g in _groups(self.items) for s in g.statements for r in s.results}
        for group in list(_groups(self.items)):
            for v in self.taken(group):
                if v not in self.rows and v is not found.loop.index and v not in self.loads:
                    self.rows[v] = Row(v)
                    made[v].puts.append((self.rows[v], v))

    def region(self, region: Region, ends: Mapping[Value, Atom]) -> list[Item]:
        """The items of a region; `ends`: its parameters that are in rows, with their yields."""
        items: list[Item] = []
        pending = Group()
        here = {*region.params, *(r for s in region.body for r in s.results)}
        for s in region.body:
            if self.found.is_uniform(s) or is_allocation(s):
                items.append(s)  # it does not depend on lanes
            elif isinstance(s, For) or (isinstance(s, If) and self.found.is_common(s)):
                nest = self.nest(s, here, pending)
                items += [*_present(pending), nest]
                pending = Group()
            elif not (isinstance(s, Op) and s in self.loads.values()):
                pending.statements.append(s)
        items.append(pending)
        for param, y in ends.items():
            row = self.rows[param]
            if self.rows.get(y) is row:
                continue
            is_used = any(self.rows.get(a) is row for a in ends.values())
            group = pending if is_used else self.first_free(row, items, y)
            group.puts.append((row, y))
        return [*items[:-1], *_present(pending)]

    def first_free(self, row: Row, items: Sequence[Item], y: Atom) -> Group:
        """The first group after which a row's old value is not used any more and the new value is known."""
        found = items[-1]
        for item in reversed(items):
            if isinstance(item, Group):
                found = item
            statements = item.statements if isinstance(item, Group) else [_statement(item)]
            atoms = [a for s in statements for a in used_atoms(s)]
            if any(y in s.results for s in statements) or any(
                self.rows.get(a) is row for a in atoms
            ):
                break
        assert isinstance(found, Group)
        return found

    def nest(self, s: For | If, here: set[Value], before: Group) -> Nest:
        if isinstance(s, If):
            return Nest(s, tuple(self.region(r, {}) for r in regions_of(s)))
        ends: dict[Value, Atom] = {}
        for a, p, y, r in zip(
            s.carried, s.body.params[1:], s.carried_yields, s.results, strict=True
        ):
            if not self.found.of(p):
                continue
            is_last = a in here and isinstance(a, Value) and self.uses.get(a) == 1
            row = self.rows[a] if a in self.rows and is_last else Row(p)
            if self.rows.get(a) is not row and a not in self.undefined:
                before.puts.append((row, a))
            self.rows[p] = self.rows[r] = row
            ends[p] = y
        return Nest(s, (self.region(s.body, ends),))

    def is_load(self, op: Op) -> bool:
        """Whether an operation loads from storage that no iteration writes; groups repeat the load."""
        if op.decl is not memory.index or op.operands[0] not in self.found.fixed:
            return False
        return all(a is self.found.loop.index or not self.found.of(a) for a in op.operands[1:])

    def taken(self, group: Group) -> list[Value]:
        """The numbers of lanes that a group uses and does not compute."""
        made = {r for s in group.statements for r in s.results}
        atoms = [a for s in group.statements for a in outer_atoms(s)]
        atoms += [a for _, a in group.puts]
        found = dict.fromkeys(a for a in atoms if self.found.of(a) and a not in made)
        return [v for v in found if isinstance(v, Value) and isinstance(v.type, Scalar)]


def _groups(items: Sequence[Item]) -> Iterator[Group]:
    for item in items:
        if isinstance(item, Group):
            yield item
        if isinstance(item, Nest):
            for inner in item.inner:
                yield from _groups(inner)


def _statement(item: Statement | Nest) -> Statement:
    return item.statement if isinstance(item, Nest) else item


def _present(group: Group) -> list[Group]:
    return [group] if group.statements or group.puts else []


def is_allocation(s: Statement) -> bool:
    return isinstance(s, Op) and s.decl in (memory.empty, memory.empty_of)


def outer_atoms(s: Statement) -> Iterator[Atom]:
    inside = {v for r in regions_of(s) for v in defined_in(r)}
    return (a for a in used_atoms(s) if a not in inside)
