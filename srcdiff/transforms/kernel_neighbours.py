"""Races of neighbours: one thread stores the element that another one reads or stores, and no barrier is between.

    x[i] = 0.5 * (x[i - 1] + x[i + 1])        # whether x[i - 1] is the old one or the new one, nobody knows

What is seen are places that differ by a few steps, where nothing tells the threads apart but bounds: conditions such as
`i % 2 == colour` may see to it that they never meet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from srcdiff.errors import UnsupportedError
from srcdiff.ir.core import (
    Atom,
    Const,
    For,
    Function,
    If,
    Op,
    Region,
    Statement,
    Value,
    While,
    regions_of,
    walk,
)
from srcdiff.ir.types import Array, is_float
from srcdiff.ops import memory
from srcdiff.ops.index_patterns import items
from srcdiff.ops.kernels import is_barrier
from srcdiff.transforms.kernel_atomics import Place

__all__ = ["check_neighbours"]

_FAR = 8  # threads that are further apart may be kept apart by bounds that only the run knows


@dataclass(frozen=True)
class _Access:
    """An access of an element; `guards` are the conditions around it, `turn` tells turns of loops apart."""

    op: Op
    guards: tuple[tuple[Atom, bool], ...]
    turn: int

    @property
    def array(self) -> Atom:
        return self.op.operands[0]

    @property
    def at(self) -> tuple[Atom, ...]:
        return self.op.operands[1 if self.op.decl is memory.index else 2 :]

    @property
    def is_plain_write(self) -> bool:
        return self.op.decl is memory.store or "alone" in self.op.attrs


def check_neighbours(
    fn: Function, place: Callable[[Atom], Place | None], differs: Callable[[Atom], bool]
) -> None:
    """Refuse races of neighbours; `differs`: whether something is not the same for all threads.

    Raises
    ------
    UnsupportedError
        At the second of two accesses.
    """
    _Neighbours(fn, place, differs).region(fn.body, (), 0)


class _Neighbours:
    def __init__(
        self, fn: Function, place: Callable[[Atom], Place | None], differs: Callable[[Atom], bool]
    ) -> None:
        self.place, self.differs = place, differs
        self.maker: dict[Value, Statement] = {v: s for s in walk(fn.body) for v in s.results}
        loops = [s for s in walk(fn.body) if isinstance(s, For | While)]
        bodies = [r for s in loops for r in regions_of(s)]
        self.of_turns = {v for r in bodies for s in walk(r) for v in s.results}
        self.of_turns |= {p for r in bodies for p in r.params}
        self.seen: list[_Access] = []  # since the last barrier
        self.turns = 0

    def region(self, region: Region, guards: tuple[tuple[Atom, bool], ...], turn: int) -> None:
        for s in region.body:
            if isinstance(s, If):
                for branch, says in ((s.then, True), (s.orelse, False)):
                    self.region(branch, (*guards, (s.condition, says)), turn)
            elif isinstance(s, For | While):
                for r in regions_of(s):
                    self.region(r, guards, turn)
                if any(map(is_barrier, walk(s.body))):  # the end of a turn meets the next one
                    self.turns += 1
                    self.region(s.body, guards, self.turns)
            elif isinstance(s, Op) and is_barrier(s):
                self.seen = []
            elif isinstance(s, Op) and _is_element(s):
                access = _Access(s, guards, turn)
                for other in self.seen:
                    self.check(other, access)
                self.seen.append(access)

    def check(self, one: _Access, other: _Access) -> None:
        if one.array is not other.array or not (one.is_plain_write or other.is_plain_write):
            return
        if len(one.at) != len(other.at) or not self.meet(one, other):
            return
        short, long = sorted((one.guards, other.guards), key=len)
        if long[: len(short)] != short or not all(self.is_bound(*g) for g in long):
            return
        name = getattr(other.array, "name", "")
        first = one.op.location
        there = f", here and at line {first.line}" if first and first.line != _line(other) else ""
        raise UnsupportedError(
            f"threads side by side touch the same element of `{name}`{there}: no barrier says which is first",
            "Read from one array and store into another; within a block, cuda.syncthreads() may stand between.",
            other.op.location,
        )

    def meet(self, one: _Access, other: _Access) -> bool:
        """Whether threads a few steps apart touch the same element."""
        axes: set[str] = set()
        same: list[Atom] = []
        for a, b in zip(one.at, other.at, strict=True):
            p, q = self.place(a), self.place(b)
            if p is not None and q is not None and p != q:
                if p != replace(q, offset=p.offset):
                    return False
                steps, rest = divmod(abs(p.offset - q.offset), abs(p.factor))
                if rest or steps > _FAR:
                    return False
                axes.add(p.axis)
            elif a == b:
                same.append(a)
            else:
                return False
        return bool(axes) and all(
            self.is_same(a, axes, is_of_turn=one.turn == other.turn) for a in same
        )

    def is_same(self, a: Atom, axes: set[str], is_of_turn: bool) -> bool:
        """Whether an index is the same for both threads."""
        if isinstance(a, Const):
            return True
        if a in self.of_turns and not is_of_turn:
            return False
        place = self.place(a)
        return place.axis not in axes if place is not None else not self.differs(a)

    def is_bound(self, condition: Atom, says: bool) -> bool:
        """Whether a condition that is true, or not, lets neighbours pass alike: all of them, or from some place on."""
        if not self.differs(condition):
            return True
        made = self.maker.get(condition) if isinstance(condition, Value) else None
        if isinstance(made, If):  # `a and b`, `a or b`
            k = made.results.index(condition)
            first, second = made.then.yields[k], made.orelse.yields[k]
            if says and second == Const(False, second.type):
                return self.is_bound(made.condition, True) and self.is_bound(first, True)
            if not says and first == Const(True, first.type):
                return self.is_bound(made.condition, False) and self.is_bound(second, False)
            return False
        if not isinstance(made, Op):
            return False
        name = made.decl.name
        if name == ("and" if says else "or"):
            return all(self.is_bound(a, says) for a in made.operands)
        if name not in _ORDERS:
            return False
        left, right = made.operands
        is_below = (name in ("less", "less_equal")) == says
        if self.place(right) is not None:
            left, right, is_below = right, left, not is_below
        if self.place(left) is None or self.differs(right):
            return False
        return not (is_below and isinstance(right, Const))


_ORDERS = ("less", "less_equal", "greater", "greater_equal")


def _line(access: _Access) -> int:
    return access.op.location.line if access.op.location is not None else 0


def _is_element(op: Op) -> bool:
    if op.decl not in (memory.index, memory.store, memory.add_into):
        return False
    array = op.operands[0].type
    where = op.attrs.get("where")
    return (
        isinstance(array, Array)
        and is_float(array)
        and where is not None
        and items(where) == ["i"] * array.ndim
    )
