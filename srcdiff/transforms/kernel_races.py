"""Stores of kernels that certainly race: all threads store into the same element, and none is told to.

    out[0] += x[i]        # which of the sums stays, nobody knows: its adjoint would be as wrong

Kernels are otherwise taken to be free of races: of places that data say (`y[index[i]] = ...`) only the user knows that
no two are the same.
"""

from __future__ import annotations

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
from srcdiff.ops.kernels import grid, position, shared_array, shuffles
from srcdiff.transforms.kernel_atomics import Threads
from srcdiff.transforms.kernel_barriers import shared_storage
from srcdiff.transforms.kernel_neighbours import check_neighbours

__all__ = ["check_races"]

_FEW = 32  # a launch of fewer threads is none for a device


def check_races(fn: Function) -> Function:
    """`fn`, as it is.

    Raises
    ------
    UnsupportedError
        Where all threads store into one element.
    """
    if not fn.notes["asked"]:
        return fn  # for one thread
    for is_shared in (False, True):
        found = _Races(fn, is_shared)
        found.region(fn.body, True)
    found.check_shuffles(fn)
    check_neighbours(fn, found.threads.place, found.differs.__contains__)
    return fn


class _Races:
    def __init__(self, fn: Function, is_shared: bool) -> None:
        self.threads = Threads(fn)
        self.arrays = {v for v in shared_storage(fn) if (v not in fn.params) == is_shared}
        self.differs: set[Atom] = set()
        self.maker: dict[Value, Statement] = {v: s for s in walk(fn.body) for v in s.results}
        while True:
            before = len(self.differs)
            for s in walk(fn.body):
                self.mark(s, is_shared)
            if len(self.differs) == before:
                break

    def mark(self, s: Statement, is_shared: bool) -> None:
        """Note what differs from thread to thread: of a block, if `is_shared`."""
        if isinstance(s, Op):
            starts = s.decl is grid or (
                s.decl is position
                and s.attrs["of"].partition(".")[0]
                in (("threadIdx", "laneid") if is_shared else ("threadIdx", "laneid", "blockIdx"))
            )
            if starts or (not self.differs.isdisjoint(s.operands) and s.decl is not shared_array):
                self.differs.update(s.results)
            return
        if isinstance(s, If):
            for k, r in enumerate(s.results):
                if not self.differs.isdisjoint((s.condition, s.then.yields[k], s.orelse.yields[k])):
                    self.differs.add(r)
        elif isinstance(s, For | While):
            self.mark_loop(s)

    def mark_loop(self, s: For | While) -> None:
        own = s.carried_yields
        results = s.carried_results if isinstance(s, For) else s.results
        params = [s.body.params[1:] if isinstance(s, For) else s.body.params]
        params += [s.test.params] if isinstance(s, While) and s.test is not None else []
        is_uneven = self.is_uneven(s)
        if isinstance(s, For) and is_uneven:
            self.differs.add(s.index)
        for k, (start, y, r) in enumerate(zip(s.carried, own, results, strict=True)):
            if is_uneven or not self.differs.isdisjoint((start, y)):
                self.differs.update((r, *(p[k] for p in params)))

    def is_uneven(self, s: For | While) -> bool:
        """Whether threads may make unlike turns."""
        if isinstance(s, For):
            flag = s.body.yields[:1] if s.breaks else ()
            return not self.differs.isdisjoint((s.start, s.stop, s.step, *flag))
        region = s.test if s.test is not None else s.body
        return not self.differs.isdisjoint(region.yields[:1])

    def is_for_one(self, condition: Atom) -> bool:
        """Whether a condition may tell one thread from the others: it compares where a thread is with a number, or for
        being equal. That it is inside of an array is no such condition.
        """
        made = self.maker.get(condition) if isinstance(condition, Value) else None
        if isinstance(made, If):
            k = made.results.index(condition)
            parts = (made.condition, made.then.yields[k], made.orelse.yields[k])
            return any(map(self.is_for_one, parts))
        if not isinstance(made, Op) or self.differs.isdisjoint(made.operands):
            return False
        if made.decl.name in ("equal", "not_equal"):
            return True
        if made.decl.name in ("less", "less_equal", "greater", "greater_equal"):
            return any(isinstance(a, Const) for a in made.operands) and not self.is_of_many(made)
        return any(map(self.is_for_one, made.operands))

    def is_of_many(self, comparison: Op) -> bool:
        """Whether a comparison with a number certainly holds for several threads: `i > 0`, `i < 4`."""
        left, right = comparison.operands
        is_below = comparison.decl.name in ("less", "less_equal")
        if isinstance(left, Const):
            left, right, is_below = right, left, not is_below
        place = self.threads.place(left)
        if place is None or place.factor != 1 or not isinstance(right, Const):
            return False
        return not is_below or right.value - place.offset > 1

    def region(self, region: Region, is_all: bool) -> None:
        """Look at the stores of a region that many threads run, or one of them."""
        for s in region.body:
            if isinstance(s, Op):
                if is_all:
                    self.check(s)
                continue
            inner = is_all and not (isinstance(s, If) and self.is_for_one(s.condition))
            for r in regions_of(s):
                self.region(r, inner)

    def is_of_several(self, index: Atom) -> bool:
        """Whether several threads have the same index: all, or those that `i // 2` or `i % 2` puts together."""
        if index not in self.differs:
            return True
        made = self.maker.get(index) if isinstance(index, Value) else None
        if not isinstance(made, Op) or len(made.operands) != 2:
            return False
        place, by = made.operands
        if self.threads.place(place) is None or not isinstance(by, Const):
            return False
        if made.decl.name in ("floor_divide", "right_shift"):
            return bool(by.value > (made.decl.name == "floor_divide"))
        return made.decl.name == "mod" and 0 < by.value < _FEW

    def check_shuffles(self, fn: Function) -> None:
        """All threads of a warp say the same of where to take from, or several may take from one."""
        for s in walk(fn.body):
            if isinstance(s, Op) and s.decl in shuffles.values() and s.operands[1] in self.differs:
                raise UnsupportedError(
                    "each thread says for itself which lane it takes from: several may take from one",
                    "Say it for all in the same way, or pass the values through `cuda.shared.array`.",
                    s.location,
                )

    def check(self, op: Op) -> None:
        target = op.operands[0] if op.operands else None
        if op.decl not in (memory.store, memory.add_into) or not isinstance(target, Value):
            return
        if target not in self.arrays or not isinstance(target.type, Array):
            return
        if not is_float(target.type) or not all(map(self.is_of_several, op.operands[2:])):
            return
        if op.decl is memory.store and isinstance(op.operands[1], Const):
            return  # whoever comes last, it holds the same
        if op.decl is memory.add_into and "alone" not in op.attrs:
            return
        what = "adds to" if op.decl is memory.add_into else "stores into"
        raise UnsupportedError(
            f"each thread {what} the same element of `{target.name}`: which of them stays is not known",
            "Use cuda.atomic.add, or have one thread do it (`if cuda.grid(1) == 0:`).",
            op.location,
        )
