"""Race check: refuses stores that certainly race, because many threads store into the same element.

    out[0] += x[i]        # which of the sums remains is undefined, and so would be the adjoint

Other kernels are assumed to be free of races. For subscripts from data (`y[index[i]] = ...`), only the user knows that
they are distinct.

Single-writer analysis: stores that race unless the launch has one thread or block along some dimension.

    i, j = cuda.grid(2)
    y[i] += A[i, j]               # along blockIdx.y and threadIdx.y, all threads add to the same element

The subscript does not depend on these dimensions. Each launch is checked to have extent 1 along them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from srcdiff.errors import UnsupportedError
from srcdiff.ir.core import Function, If, Op, Region, regions_of, walk
from srcdiff.ir.facts import SingleWriter
from srcdiff.ir.types import Array, is_float
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.arrays import memory
from srcdiff.ops.control.cuda_kernel import shuffles
from srcdiff.transforms.analysis.defuse import definitions_in
from srcdiff.transforms.gpu.kernels.atomics import Threads
from srcdiff.transforms.gpu.kernels.barriers import shared_storage
from srcdiff.transforms.gpu.kernels.divergence import BLOCKS, THREADS, launch_dims
from srcdiff.transforms.gpu.kernels.stencil_races import Guard, Guards, check_neighbours

_FEW = 32  # a launch is assumed to have at least so many threads


def check_races(fn: Function) -> Function:
    """`fn`, unchanged.

    Raises
    ------
    UnsupportedError
        At a store of several threads into one element.
    """
    if not fn.target.thread_axes:
        return fn  # a kernel for one thread
    dims = launch_dims(fn)
    for is_shared in (False, True):
        found = _Races(fn, dims, is_shared)
        found.region(fn.body, True)
    found.check_shuffles(fn)
    check_neighbours(fn, found.threads.place, found.differs)
    return fn


class _Races:
    def __init__(self, fn: Function, dims: Mapping[Atom, frozenset[str]], is_shared: bool) -> None:
        self.threads = Threads(fn)
        self.arrays = {v for v in shared_storage(fn) if (v not in fn.params) == is_shared}
        self.maker = definitions_in(walk(fn.body))
        self.dims = dims
        self.separating = frozenset(THREADS if is_shared else (*BLOCKS, *THREADS))

    def differs(self, a: Atom) -> bool:
        """Whether a value varies between threads; for shared memory, between the threads of a block."""
        return not self.separating.isdisjoint(self.dims.get(a, ()))

    def is_for_one(self, condition: Atom, value: bool) -> bool:
        """Whether `condition == value` may hold for a single thread: it tests a thread's position for equality, or
        compares it with a constant. A comparison with the length of an array does not count.
        """
        made = self.maker.get(condition)
        if isinstance(made, If):
            k = made.results.index(condition)
            parts = (made.condition, made.then.yields[k], made.orelse.yields[k])
            return any(self.is_for_one(a, value) for a in parts)
        if not isinstance(made, Op) or not any(map(self.differs, made.operands)):
            return False
        if made.decl.name in ("equal", "not_equal"):
            return True
        if made.decl.name in ("less", "less_equal", "greater", "greater_equal"):
            is_number = any(isinstance(a, Const) for a in made.operands)
            return is_number and not self.is_of_many(made, value)
        if made.decl.name in ("not", "logical_not"):
            value = not value
        return any(self.is_for_one(a, value) for a in made.operands)

    def is_of_many(self, comparison: Op, value: bool) -> bool:
        """Whether a comparison with a constant certainly has the value for several threads: `i > 0`, `i < 4`."""
        left, right = comparison.operands
        is_below = (comparison.decl.name in ("less", "less_equal")) == value
        if isinstance(left, Const):
            left, right, is_below = right, left, not is_below
        place = self.threads.place(left)
        if place is None or place.factor != 1 or not isinstance(right, Const):
            return False
        return not is_below or right.value - place.offset > 1

    def region(self, region: Region, is_all: bool) -> None:
        """Check the stores of a region; `is_all`: whether many threads execute it."""
        for s in region.body:
            if isinstance(s, Op):
                if is_all:
                    self.check(s)
                continue
            if isinstance(s, If):
                for branch, value in ((s.then, True), (s.orelse, False)):
                    self.region(branch, is_all and not self.is_for_one(s.condition, value))
            else:
                for r in regions_of(s):
                    self.region(r, is_all)

    def is_of_several(self, index: Atom) -> bool:
        """Whether several threads have the same index: a uniform index, or one like `i // 2` or `i % 2`."""
        if not self.differs(index):
            return True
        made = self.maker.get(index)
        if not isinstance(made, Op) or len(made.operands) != 2:
            return False
        place, by = made.operands
        if self.threads.place(place) is None or not isinstance(by, Const):
            return False
        if made.decl.name in ("floor_divide", "right_shift"):
            return bool(by.value > (made.decl.name == "floor_divide"))
        return made.decl.name == "mod" and 0 < by.value < _FEW

    def are_of_several(self, indices: Sequence[Atom]) -> bool:
        """Whether several threads access the same element; `i // 4` and `i % 4` together are distinct."""
        if not all(map(self.is_of_several, indices)):
            return False
        made = [self.maker.get(a) for a in indices if isinstance(a, Value)]
        parts = {(m.decl.name, m.operands) for m in made if isinstance(m, Op)}
        return not any(
            name == "mod" and ("floor_divide", operands) in parts for name, operands in parts
        )

    def check_shuffles(self, fn: Function) -> None:
        """Refuse shuffles whose source lane varies between threads: several threads might read from one lane."""
        for s in walk(fn.body):
            if isinstance(s, Op) and s.decl in shuffles.values() and self.differs(s.operands[1]):
                raise UnsupportedError(
                    "each thread chooses the lane that it reads: several may read one lane",
                    "Choose it for all threads in the same way, or pass the values through `cuda.shared.array`.",
                    s.location,
                )

    def check(self, op: Op) -> None:
        target = op.operands[0] if op.operands else None
        if op.decl not in (memory.store, memory.add_into) or not isinstance(target, Value):
            return
        if target not in self.arrays or not isinstance(target.type, Array):
            return
        if not is_float(target.type) or not self.are_of_several(op.operands[2:]):
            return
        if op.decl is memory.store and isinstance(op.operands[1], Const):
            return  # all threads store the same number
        if op.decl is memory.add_into and "alone" not in op.attrs:
            return
        what = "adds to" if op.decl is memory.add_into else "stores into"
        raise UnsupportedError(
            f"each thread {what} the same element of `{target.name}`: which write is the last is not known",
            "Use cuda.atomic.add, or have one thread do it (`if cuda.grid(1) == 0:`).",
            op.location,
        )


def find_single_writers(fn: Function) -> Function:
    """`fn` with `target.single_writers`: for each dimension, the first store and addition that need one thread."""
    found = tuple(_SingleWriters(fn).found.values())
    return replace(fn, target=replace(fn.target, single_writers=found))


class _SingleWriters:
    def __init__(self, fn: Function) -> None:
        self.dims: Mapping[Atom, frozenset[str]] = launch_dims(fn)
        self.params = set(fn.params)
        self.shared = set(shared_storage(fn))
        place = Threads(fn).place
        self.guards = {
            d: Guards(fn, place, lambda a, d=d: d in self.dims.get(a, ()))  # type: ignore[misc]
            for d in (*BLOCKS, *THREADS)
        }
        self.found: dict[tuple[str, bool], SingleWriter] = {}
        self.region(fn.body, ())

    def region(self, region: Region, guards: tuple[Guard, ...]) -> None:
        for s in region.body:
            if isinstance(s, Op):
                self.op(s, guards)
            elif isinstance(s, If):
                for branch, value in ((s.then, True), (s.orelse, False)):
                    self.region(branch, (*guards, (s.condition, value)))
            else:
                for r in regions_of(s):
                    self.region(r, guards)

    def op(self, op: Op, guards: tuple[Guard, ...]) -> None:
        target = op.operands[0] if op.operands else None
        if target not in self.shared or not isinstance(target, Value) or not _is_plain(op):
            return
        among = (*BLOCKS, *THREADS) if target in self.params else THREADS
        distinguished = frozenset().union(*(self.dims.get(a, frozenset()) for a in op.operands[2:]))
        for d in among:
            if d not in distinguished and all(self.guards[d].is_bound(*g) for g in guards):
                adds = op.decl is memory.add_into
                self.found.setdefault((d, adds), SingleWriter(d, target.name, adds, op.location))


def _is_plain(op: Op) -> bool:
    """Whether an operation writes floats without atomics, and not a constant."""
    target = op.operands[0]
    if not is_float(target.type):
        return False
    if op.decl is memory.store:
        return not isinstance(op.operands[1], Const)
    return op.decl is memory.add_into and "alone" in op.attrs
