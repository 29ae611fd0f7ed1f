"""Races between neighbouring threads: one thread stores an element that another accesses, without a barrier between.

    x[i] = 0.5 * (x[i - 1] + x[i + 1])        # x[i - 1] may have the old or the new value
    if t == 0:
        s[0] = total
    y[t] = x[t] / s[0]                        # only the first thread knows that s[0] is stored

The check finds subscripts whose offsets differ by a few steps, under conditions that are bounds. Other conditions, such
as `i % 2 == colour`, may exclude the race, and are accepted. A subscript that wraps around, `(i + 1) % n`, counts as
`i + 1`. The check also finds an element at a uniform subscript that one thread stores and other threads access.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from srcdiff.errors import UnsupportedError
from srcdiff.ir.core import For, Function, If, Op, Region, While, regions_of, walk
from srcdiff.ir.types import Array, is_float
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.arrays import memory
from srcdiff.ops.control.cuda_kernel import is_barrier
from srcdiff.ops.core.index_patterns import items
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import definitions_in
from srcdiff.transforms.gpu.kernels.atomics import Place
from srcdiff.transforms.gpu.kernels.barriers import shared_storage

Guard = tuple[Atom, bool]  # a condition, and its value on the path

ORDERS = ("less", "less_equal", "greater", "greater_equal")


class Guards:
    """Classifies conditions on thread positions; `differs`: whether a value varies between threads."""

    def __init__(
        self, fn: Function, place: Callable[[Atom], Place | None], differs: Callable[[Atom], bool]
    ) -> None:
        self.place, self.differs = place, differs
        self.maker = definitions_in(walk(fn.body))

    def is_bound(self, condition: Atom, value: bool) -> bool:
        """Whether `condition == value` holds for all threads, or for all threads up to or from some position."""
        if not self.differs(condition):
            return True
        made = self.maker.get(condition)
        if isinstance(made, If):  # `a and b`, `a or b`
            k = made.results.index(condition)
            first, second = made.then.yields[k], made.orelse.yields[k]
            if value and second == Const(False, second.type):
                return self.is_bound(made.condition, True) and self.is_bound(first, True)
            if not value and first == Const(True, first.type):
                return self.is_bound(made.condition, False) and self.is_bound(second, False)
            return False
        if not isinstance(made, Op):
            return False
        name = made.decl.name
        if name == ("and" if value else "or"):
            return all(self.is_bound(a, value) for a in made.operands)
        if name not in ORDERS:
            return False
        left, right = made.operands
        is_below = (name in ORDERS[:2]) == value
        if self.place(right) is not None:
            left, right, is_below = right, left, not is_below
        if self.place(left) is None or self.differs(right):
            return False
        return not (is_below and isinstance(right, Const))


_FAR = 8  # steps, at most: run-time bounds may exclude a race of threads at a larger distance


@dataclass(frozen=True)
class _Access:
    """An access of an element; `guards`: the conditions around it; `iteration`: a number for the loop iteration."""

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
        """Whether the order of two accesses of one element matters."""
        if self.is_atomic and other.is_atomic:
            return False
        return any(a.is_plain_write or a.is_atomic for a in (self, other))


def check_neighbours(
    fn: Function, place: Callable[[Atom], Place | None], differs: Callable[[Atom], bool]
) -> None:
    """Refuse races between neighbours; `differs`: whether a value varies between threads.

    Raises
    ------
    UnsupportedError
        At the second of two conflicting accesses.
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
                for branch, value in ((s.then, True), (s.orelse, False)):
                    self.region(branch, (*guards, (s.condition, value)), iteration)
            elif isinstance(s, For | While):
                for r in regions_of(s):
                    self.region(r, guards, iteration)
                # the end of an iteration precedes the start of the next one
                if any(map(is_barrier, walk(s.body))):
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
        """Whether neighbouring threads access the same element under the same conditions, all of which are bounds."""
        short, long = sorted((one.guards, other.guards), key=len)
        if long[: len(short)] != short or not self.is_of_many(long):
            return False
        return self.meet(one, other)

    def is_of_many(self, guards: tuple[Guard, ...]) -> bool:
        """Whether neighbouring threads satisfy the conditions together."""
        return all(self.guards.is_bound(*g) for g in guards)

    def is_stored_by_one(self, one: _Access, other: _Access) -> bool:
        """Whether some thread writes an element at a uniform subscript that other threads access, too."""
        is_of_iteration = one.iteration == other.iteration
        if one.array not in self.shared:
            return False
        if one.at != other.at or not all(self.is_for_all(a, is_of_iteration) for a in one.at):
            return False
        if any((c, not value) in one.guards and not self.differs(c) for c, value in other.guards):
            return False  # the branch is uniform: all threads take the same side
        if one.is_atomic or other.is_atomic:
            return self.is_of_many(one.guards) or self.is_of_many(other.guards)
        for stored, seen in ((one, other), (other, one)):
            if not stored.is_plain_write or seen.op.decl is memory.store:
                continue
            if seen.op.decl is memory.index and self.is_of_many(stored.guards):
                continue  # each thread that reads has stored the element, too
            if self.is_of_many(seen.guards):
                return True
        return False

    def is_for_all(self, a: Atom, is_of_iteration: bool) -> bool:
        """Whether an index is the same for all threads."""
        return isinstance(a, Const) or (
            not self.differs(a) and (is_of_iteration or a not in self.of_iterations)
        )

    def meet(self, one: _Access, other: _Access) -> bool:
        """Whether the subscripts of two neighbouring threads are equal."""
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
        """The position in a subscript, for all threads except those at an end: `i + 1` for `(i + 1) % n`."""
        place = self.place(a)
        made = self.maker.get(a) if isinstance(a, Value) and place is None else None
        if isinstance(made, If):
            k = made.results.index(a)
            for part, rest, value in (
                (made.then.yields[k], made.orelse.yields[k], True),
                (made.orelse.yields[k], made.then.yields[k], False),
            ):
                if not self.differs(rest) and self.is_of_most(made.condition, value):
                    return self.place(part)
        if isinstance(made, Op) and made.decl.name in ("maximum", "minimum", "mod"):
            left, right = made.operands
            if not self.differs(right):
                return self.place(self.without(left, right) if made.decl.name == "mod" else left)
            return self.place(right) if not self.differs(left) else None
        return place

    def is_of_most(self, condition: Atom, value: bool) -> bool:
        """Whether `condition == value` holds for all threads except those at an end."""
        made = self.maker.get(condition)
        is_equality = isinstance(made, Op) and made.decl.name == ("not_equal" if value else "equal")
        return is_equality or self.guards.is_bound(condition, value)

    def without(self, a: Atom, iteration: Atom) -> Atom:
        """`i - 1` of `i - 1 + n`."""
        made = self.maker.get(a)
        if isinstance(made, Op) and made.decl is arithmetic.add and iteration in made.operands:
            return made.operands[1 - made.operands.index(iteration)]
        return a

    def is_same(self, a: Atom, axes: set[str], is_of_iteration: bool) -> bool:
        """Whether an index is the same for two neighbours along `axes`."""
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
