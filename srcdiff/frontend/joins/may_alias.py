"""May-alias analysis of containers where paths meet: a loop or a branch passes on this container or that one.

    e = d                     the container `e` of an iteration may be `d`, or what the previous iteration made
    for v in x:
        e["k"] *= v           writes into `d` in the first iteration
        e = {"k": e["k"]}

Such a container has a cell of its own (`Session.new_cell`), so that a write into it does not change the others.
`Session.twins` holds the containers that it may be; a write into one of them is refused while another has a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

import gast

from srcdiff.frontend.core.frame import Frame, an
from srcdiff.frontend.core.session import Session
from srcdiff.frontend.core.values import Closure, FrontValue, Partial, Parts
from srcdiff.frontend.joins.loop_carry import Carry

SLOTS = ("%moved", "%olds", "%pairs")  # what is learned of them

Slot = tuple[str, tuple[object, ...]]  # a name, and the keys of a part of it
Twins = Mapping[str, frozenset[str]]


_COPIED = {"dict": "Copy it first: `dict(d)`.", "list": "Copy it first: `list(xs)`."}


def refuse_twins(fr: Frame, container: Parts, node: gast.AST) -> None:
    """Refuse to write into a container that may be one with another that has a name."""
    twins = fr.session.twins.get(container.cell)
    if twins and not twins.isdisjoint(_reachable(fr)):
        fr.untyped(
            node,
            f"this changes {an(container.kind)} that may have another name: a loop or branch passes on one of several",
            _COPIED.get(container.kind, "Make a new one first, with the same attributes."),
        )


def add_twins(
    session: Session, made: Mapping[str, Iterable[str]], pairs: Iterable[tuple[str, str]]
) -> None:
    """Note which new cells may be which old ones, and those that these may be; and which new ones may be one."""
    before = dict(session.twins)
    both = [
        (new, old) for new, olds in made.items() for c in olds for old in _with_twins(before, c)
    ]
    for one, other in (*both, *pairs):
        for a, b in ((one, other), (other, one)):
            session.twins[a] = session.twins.get(a, frozenset()) | {b}


def may_be_one(twins: Twins, one: str, other: str) -> bool:
    return bool(one) and (one == other or other in twins.get(one, ()))


def _with_twins(twins: Twins, cell: str) -> frozenset[str]:
    return twins.get(cell, frozenset()) | {cell} if cell else frozenset()


class Slots:
    """The containers that a loop carries, by their place: those that differ between iterations get cells.

    What reading an iteration shows stays in `hints`, for the next reading.
    """

    def __init__(self, session: Session, hints: dict[Any, Any], cells: Mapping[str, Parts]) -> None:
        self.session = session
        moved, olds, pairs = SLOTS
        self.moved: set[Slot] = hints.setdefault(moved, set())
        self.olds: dict[Slot, frozenset[str]] = hints.setdefault(olds, {})
        self.pairs: set[tuple[Slot, Slot]] = hints.setdefault(pairs, set())
        self.cells = cells
        self.made: dict[Slot, str] = {}
        self.inits: dict[Slot, str] = {}

    def start(self) -> None:
        """Before an iteration, or after the loop: new cells are made."""
        self.made, self.inits = {}, {}

    def bound(self, carry: Carry, value: FrontValue) -> FrontValue:
        """The value of a name, with cells of its own."""
        return self._with_cells(carry, value, carry.init, ())

    def _with_cells(
        self, carry: Carry, value: FrontValue, init: FrontValue, path: tuple[object, ...]
    ) -> FrontValue:
        if not isinstance(value, Parts):
            return value
        given = init.values if isinstance(init, Parts) else (None,) * len(value.values)
        parts = zip(value.keys, value.values, given, strict=True)
        values = tuple(self._with_cells(carry, v, i, (*path, k)) for k, v, i in parts)  # type: ignore[arg-type]
        made = Parts(value.kind, value.keys, values, value.cls, value.cell)
        slot = carry.name, path
        if not value.cell or not self._is_new(slot, isinstance(init, Parts)):
            return made
        made = self.session.new_cell(made, self.session.origins.get(value.cell, ()))
        self.made[slot] = made.cell
        self.inits[slot] = init.cell if isinstance(init, Parts) else ""
        return made

    def _is_new(self, slot: Slot, has_init: bool) -> bool:
        name, path = slot
        if not path:
            return name not in self.cells  # that of a container is its own
        return slot in self.moved or not has_init

    def finish(self) -> None:
        """When all names are bound: which of the new cells may be which others."""
        twins = self.session.twins
        made = {c: {self.inits[s], *self.olds.get(s, ())} - {""} for s, c in self.made.items()}
        pairs = [
            (self.made[s], self.made[t])
            for s, t in combinations(self.made, 2)
            if (s, t) in self.pairs or may_be_one(twins, self.inits[s], self.inits[t])
        ]
        add_twins(self.session, made, pairs)

    def learn(self, ends: Iterable[tuple[Carry, FrontValue]]) -> bool:
        """Note what the end of an iteration shows about the next one; return whether that is new."""
        found = {
            slot: cell
            for carry, end in ends
            for slot, start, cell in _cells((carry.name, ()), carry.template, end)
            if slot in self.made or cell != start
        }
        moved = {s for s in found if s not in self.made and (s[1] or s[0] not in self.cells)}
        twins = self.session.twins
        olds = {s: _with_twins(twins, c) & self.cells.keys() for s, c in found.items()}
        pairs = {(s, t) for s, t in combinations(found, 2) if may_be_one(twins, found[s], found[t])}
        is_known = moved <= self.moved and pairs <= self.pairs
        is_known = is_known and all(o <= self.olds.get(s, frozenset()) for s, o in olds.items())
        self.moved |= moved
        self.pairs |= pairs
        self.olds.update((s, self.olds.get(s, frozenset()) | o) for s, o in olds.items())
        return not is_known

    def is_left(self, carry: Carry, end: FrontValue) -> bool:
        """Whether an iteration keeps the containers of a name."""
        pairs = _cells((carry.name, ()), carry.template, end)
        return all(cell in (start, self.made.get(slot)) for slot, start, cell in pairs)


def _cells(slot: Slot, start: FrontValue, end: FrontValue) -> Iterator[tuple[Slot, str, str]]:
    """The containers of two structures of the same kind, part by part."""
    if isinstance(start, Parts) and isinstance(end, Parts):
        if start.cell:
            yield slot, start.cell, end.cell
        for key, one, other in zip(start.keys, start.values, end.values, strict=False):
            yield from _cells((slot[0], (*slot[1], key)), one, other)


def _reachable(fr: Frame) -> set[str]:
    """The cells of all that has a name, here and where this is called from."""
    found: set[str] = set()
    seen: set[Frame] = set()
    frames: list[Frame] = [fr]
    while frames:
        frame = frames.pop()
        if frame in seen:
            continue
        seen.add(frame)
        frames += [f for f in (frame.outer, frame.caller) if f is not None]
        for value in frame.env.values():
            _collect(fr.session, value, found, frames)
    return found


def _collect(session: Session, value: FrontValue, found: set[str], frames: list[Frame]) -> None:
    while isinstance(value, Partial):
        value = value.value
    if isinstance(value, Closure):
        frames.append(value.frame)
    value = session.current(value)
    if isinstance(value, Parts):
        if value.cell:
            found.add(value.cell)
        for part in value.values:
            _collect(session, part, found, frames)
