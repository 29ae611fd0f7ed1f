"""Races of neighbours: one thread stores the element that another one reads or stores, and no barrier is between.

    x[i] = 0.5 * (x[i - 1] + x[i + 1])        # whether x[i - 1] is the old one or the new one, nobody knows
    if t == 0:
        s[0] = total
    y[t] = x[t] / s[0]                        # whether s[0] is stored yet, only the first thread knows

What is seen are places that differ by a few steps, where nothing tells the threads apart but bounds: conditions such as
`i % 2 == colour` may see to it that they never meet. Where places wrap around, `(i + 1) % n`, most threads are side by
side. Of an element that all threads pick, one may be the only to store it, but others see it.
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
    Value,
    While,
    regions_of,
    walk,
)
from srcdiff.ir.types import Array, is_float
from srcdiff.ops.arrays import memory
from srcdiff.ops.control.cuda_kernel import is_barrier
from srcdiff.ops.core.index_patterns import items
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.gpu.kernels.atomics import Place
from srcdiff.transforms.gpu.kernels.barriers import shared_storage
from srcdiff.transforms.gpu.kernels.bounds_guards import Guard, Guards

__all__ = ["check_neighbours"]

_FAR = 8  # threads that are further apart may be kept apart by bounds that only the run knows


@dataclass(frozen=True)
class _Access:
    """An access of an element; `guards` are the conditions around it, `iteration` tells iterations of loops apart."""

    op: Op
    guards: tuple[Guard, ...]
    iteration: int

    @property
    def array(self) -> Atom:
        return self.op.operands[0]

    @property
    def at(self) -> tuple[Atom, ...]:
        return self.op.operands[1 if self.op.decl is memory.index else 2 :]

    @property
    def is_plain_write(self) -> bool:
        return self.op.decl is memory.store or "alone" in self.op.attrs

    @property
    def is_atomic(self) -> bool:
        return self.op.decl is memory.add_into and not self.is_plain_write

    def conflicts(self, other: _Access) -> bool:
        """Whether the order of the two matters."""
        if self.is_atomic and other.is_atomic:
            return False
        return any(a.is_plain_write or a.is_atomic for a in (self, other))


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
        self.guards = Guards(fn, place, differs)
        self.place, self.differs, self.maker = place, differs, self.guards.maker
        loops = [s for s in walk(fn.body) if isinstance(s, For | While)]
        bodies = [r for s in loops for r in regions_of(s)]
        self.of_iterations = {v for r in bodies for s in walk(r) for v in s.results}
        self.of_iterations |= {p for r in bodies for p in r.params}
        self.shared = set(shared_storage(fn))
        self.seen: list[_Access] = []  # since the last barrier
        self.iterations = 0

    def region(self, region: Region, guards: tuple[Guard, ...], iteration: int) -> None:
        for s in region.body:
            if isinstance(s, If):
                for branch, says in ((s.then, True), (s.orelse, False)):
                    self.region(branch, (*guards, (s.condition, says)), iteration)
            elif isinstance(s, For | While):
                for r in regions_of(s):
                    self.region(r, guards, iteration)
                if any(map(is_barrier, walk(s.body))):  # the end of an iteration meets the next one
                    self.iterations += 1
                    self.region(s.body, guards, self.iterations)
            elif isinstance(s, Op) and is_barrier(s):
                self.seen = []
            elif isinstance(s, Op) and _is_element(s):
                access = _Access(s, guards, iteration)
                for other in self.seen:
                    self.check(other, access)
                self.seen.append(access)

    def check(self, one: _Access, other: _Access) -> None:
        if one.array is not other.array or not one.conflicts(other):
            return
        if len(one.at) != len(other.at):
            return
        by_one = self.is_stored_by_one(one, other)
        if not by_one and not self.is_of_neighbours(one, other):
            return
        name = getattr(other.array, "name", "")
        first = one.op.location
        there = f", here and at line {first.line}" if first and first.line != _line(other) else ""
        who = "a thread changes and others" if by_one else "threads side by side"
        raise UnsupportedError(
            f"{who} touch the same element of `{name}`{there}: no barrier says which is first",
            "Read from one array and store into another; within a block, cuda.syncthreads() may stand between.",
            other.op.location,
        )

    def is_of_neighbours(self, one: _Access, other: _Access) -> bool:
        """Whether threads a few steps apart touch the same element, and nothing sees to it that they do not."""
        short, long = sorted((one.guards, other.guards), key=len)
        if long[: len(short)] != short or not self.is_of_many(long):
            return False
        return self.meet(one, other)

    def is_of_many(self, guards: tuple[Guard, ...]) -> bool:
        """Whether threads side by side pass."""
        return all(self.guards.is_bound(*g) for g in guards)

    def is_stored_by_one(self, one: _Access, other: _Access) -> bool:
        """Whether some thread stores an element, or adds to it, that others touch, too."""
        is_of_iteration = one.iteration == other.iteration
        if one.array not in self.shared:
            return False
        if one.at != other.at or not all(self.is_for_all(a, is_of_iteration) for a in one.at):
            return False
        if any((c, not says) in one.guards and not self.differs(c) for c, says in other.guards):
            return False  # all threads go one of the two ways
        if one.is_atomic or other.is_atomic:
            return self.is_of_many(one.guards) or self.is_of_many(other.guards)
        for stored, seen in ((one, other), (other, one)):
            if not stored.is_plain_write or seen.op.decl is memory.store:
                continue
            if seen.op.decl is memory.index and self.is_of_many(stored.guards):
                continue  # each thread has stored it, too: the same number
            if self.is_of_many(seen.guards):
                return True
        return False

    def is_for_all(self, a: Atom, is_of_iteration: bool) -> bool:
        """Whether an index is the same for all threads."""
        return isinstance(a, Const) or (
            not self.differs(a) and (is_of_iteration or a not in self.of_iterations)
        )

    def meet(self, one: _Access, other: _Access) -> bool:
        """Whether threads a few steps apart touch the same element."""
        axes: set[str] = set()
        same: list[Atom] = []
        for a, b in zip(one.at, other.at, strict=True):
            p, q = self.near(a), self.near(b)
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
            self.is_same(a, axes, is_of_iteration=one.iteration == other.iteration) for a in same
        )

    def near(self, a: Atom) -> Place | None:
        """The place of a thread, or what it is for most of them, but for those at an end: `(i + 1) % n`."""
        place = self.place(a)
        made = self.maker.get(a) if isinstance(a, Value) and place is None else None
        if isinstance(made, If):
            k = made.results.index(a)
            for part, rest, says in (
                (made.then.yields[k], made.orelse.yields[k], True),
                (made.orelse.yields[k], made.then.yields[k], False),
            ):
                if not self.differs(rest) and self.is_of_most(made.condition, says):
                    return self.place(part)
        if isinstance(made, Op) and made.decl.name in ("maximum", "minimum", "mod"):
            left, right = made.operands
            if not self.differs(right):
                return self.place(self.without(left, right) if made.decl.name == "mod" else left)
            return self.place(right) if not self.differs(left) else None
        return place

    def is_of_most(self, condition: Atom, says: bool) -> bool:
        """Whether a condition holds, or not, for all threads but those at an end."""
        made = self.maker.get(condition) if isinstance(condition, Value) else None
        is_equality = isinstance(made, Op) and made.decl.name == ("not_equal" if says else "equal")
        return is_equality or self.guards.is_bound(condition, says)

    def without(self, a: Atom, iteration: Atom) -> Atom:
        """`i - 1` of `i - 1 + n`."""
        made = self.maker.get(a) if isinstance(a, Value) else None
        if isinstance(made, Op) and made.decl is arithmetic.add and iteration in made.operands:
            return made.operands[1 - made.operands.index(iteration)]
        return a

    def is_same(self, a: Atom, axes: set[str], is_of_iteration: bool) -> bool:
        """Whether an index is the same for both threads."""
        if isinstance(a, Const):
            return True
        if a in self.of_iterations and not is_of_iteration:
            return False
        place = self.place(a)
        return place.axis not in axes if place is not None else not self.differs(a)


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
