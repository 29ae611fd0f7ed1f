"""Placement: where the statements of a function stand, and which statements may move in front of a call.

`transforms/ad/destination_analysis.py` uses these facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from srcdiff.ir.alias import storage_roots
from srcdiff.ir.core import Call, Function, Op, Region, Statement, regions_of
from srcdiff.ir.types import Array, Scalar
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import memory
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import (
    ALLOCATIONS,
    count_uses,
    is_generated,
    is_pure,
    used_atoms,
    written_values,
)
from srcdiff.transforms.analysis.effects import runs_effects

SUMS = (arithmetic.add, arithmetic.subtract, arithmetic.negative)
_ZEROS = (memory.zeros, memory.zeros_like, memory.zeros_of)


@dataclass(frozen=True)
class Place:
    """A place in a region: in front of the statement number `before`."""

    region: Region
    before: int


def is_zeros(s: Statement | None) -> TypeGuard[Op]:
    return isinstance(s, Op) and s.decl in _ZEROS


@dataclass
class Placement:
    """The places of a function's statements, and the definitions and uses of its values."""

    fn: Function
    place: dict[Statement, Place] = field(default_factory=dict)
    owner: dict[Region, Statement] = field(default_factory=dict)
    maker: dict[Atom, Statement] = field(default_factory=dict)
    users: dict[Value, list[Statement]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.roots = storage_roots(self.fn)
        self.written = written_values(self.fn, self.roots)
        self.uses = count_uses(self.fn)
        self._enter(self.fn.body)

    def _enter(self, region: Region) -> None:
        for k, s in enumerate(region.body):
            self.place[s] = Place(region, k)
            self.maker.update(dict.fromkeys(s.results, s))
            for a in s.operands:
                if isinstance(a, Value):
                    self.users.setdefault(a, []).append(s)
            for inner in regions_of(s):
                self.owner[inner] = s
                self._enter(inner)

    def made_in(self, v: Atom, region: Region) -> Statement | None:
        """The statement of a region that makes a value."""
        made = self.maker.get(v)
        return made if made is not None and self.place[made].region is region else None

    def outer(self, s: Statement, region: Region) -> int:
        """The number of the statement of a region that is `s`, or contains it."""
        while self.place[s].region is not region:
            s = self.owner[self.place[s].region]
        return self.place[s].before

    def is_sum(self, s: Statement, b: Value) -> TypeGuard[Op]:
        """Whether a generated statement adds to an array, and does not use it otherwise."""
        return (
            isinstance(s, Op)
            and s.decl in (memory.add_into, memory.add_at)
            and is_generated(s)
            and s.operands[0] is b
            and b not in s.operands[1:]
        )

    def is_kept(self, v: Value) -> bool:
        """Whether an array is written, yielded, or put into a container."""
        is_held = any(isinstance(s, Op) and s.decl.holds for s in self.users.get(v, ()))
        return is_held or v in self.written or v in self.place[self.maker[v]].region.yields

    def saves(self, v: Value) -> bool:
        """Whether a value is added to another, or multiplied: only then an addition in its place saves work."""
        return any(
            isinstance(s, Op) and (v in s.operands[1:] or s.decl in (*SUMS, arithmetic.multiply))
            for s in self.users.get(v, ())
        )

    def is_first(self, s: Statement, zeros: Statement | None = None) -> TypeGuard[Op]:
        """Whether a generated statement stores into an array of zeros (or into these `zeros`) before any other use."""
        if not isinstance(s, Op) or s.decl is not memory.store or not is_generated(s):
            return False
        b = s.operands[0]
        made = self.made_in(b, self.place[s].region)
        if not is_zeros(made) or not is_generated(made):
            return False
        if (zeros is not None and made is not zeros) or b in s.operands[1:]:
            return False
        home = self.place[s]
        between = home.region.body[self.place[made].before + 1 : home.before]
        own = self.roots.of(b)
        return all(
            own.isdisjoint(self.roots.get(a, frozenset()))
            for t in between
            for a in used_atoms(t)
            if isinstance(a, Value)
        )

    def seen_through(self, atoms: Sequence[Atom]) -> set[Value]:
        """The storage that values are, are views of, or were read from: generated text may use its name for them."""
        found: set[Value] = set()
        pending, known = [*atoms], set[Atom]()
        while pending:
            a = pending.pop()
            if not isinstance(a, Value) or a in known or isinstance(a.type, Scalar):
                continue
            known.add(a)
            found |= self.roots.get(a, frozenset())
            made = self.maker.get(a)
            if isinstance(made, Op):
                passes_storage = (
                    made.decl is memory.read or made.view_of is not None or made.decl.holds
                )
                pending += made.operands if passes_storage else ()
            elif made is not None and not isinstance(made, Call):
                pending += [*made.operands, *(y for r in regions_of(made) for y in r.yields)]
        return found

    def are_before(self, atoms: Sequence[Atom], s: Statement) -> bool:
        """Whether values are defined in front of a statement."""
        at = self.place[s]
        makers = [self.made_in(a, at.region) for a in atoms]
        return all(m is None or self.place[m].before < at.before for m in makers)

    def is_ready(self, a: Atom, call: Call, wanted: list[Statement]) -> bool:
        """Whether a value is defined in front of a call, or can be. Appends the statements that must move there."""
        at = self.place[call]
        made = self.made_in(a, at.region)
        if made is None or self.place[made].before < at.before or made in wanted:
            return True
        if not isinstance(made, Op) or not self._may_stand_earlier(made, call):
            return False
        if not all(self.is_ready(x, call, wanted) for x in made.operands):
            return False
        wanted.append(made)
        return True

    def _may_stand_earlier(self, op: Op, call: Call) -> bool:
        if op.decl.raises and runs_effects(call.function):
            return False
        return (
            is_zeros(op)
            or (op.view_of is not None and isinstance(op.result.type, Array))
            or (is_pure(op, self.written) and op.decl.name not in ALLOCATIONS)
        )
