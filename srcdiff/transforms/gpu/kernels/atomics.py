"""Atomic accumulation: additions to shared arrays become atomic, unless each thread adds to elements of its own.

    add_into[where='i'] %d_x, %v, %i           add_into[where='i'] %d_x, %v, %i
    add_into[where='i'] %d_w, %v, %j   becomes atomic_add %d_w, %v, %j

Elements belong to one thread if all accesses of the array have subscripts from the thread's position in the grid, on
the same axes: `cuda.grid(1)`, the index of a grid-stride loop that starts there, or a multiple of such an index plus a
smaller constant. For shared memory, the position in the block counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from srcdiff.ir.alias import Roots, storage_roots, writes_of
from srcdiff.ir.build import Builder, Env, Rewriter
from srcdiff.ir.core import For, Function, Op, Statement, walk
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.arrays import memory
from srcdiff.ops.control.cuda_kernel import (
    atomic_add,
    grid,
    gridsize,
    is_barrier,
    position,
    shared_array,
)
from srcdiff.ops.core.index_patterns import items
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import definitions_in
from srcdiff.transforms.gpu.kernels.barriers import shared_storage


@dataclass(frozen=True)
class Place:
    """An index that differs between threads: `factor` times the position along an axis of the grid or block, plus
    `offset`.
    """

    axis: str
    is_of_grid: bool
    factor: int
    offset: int


def atomic_sums(fn: Function) -> Function:
    """`fn` with atomic additions. `target.only_axes`: the axes of the launch that may be longer than 1; None: all."""
    found = Threads(fn)
    shared = frozenset(shared_storage(fn))
    own = {v for v in shared if found.is_own(v)}
    new = _Atomic(found.roots, shared - own)(fn)
    kinds = (memory.add_into, memory.store) if fn.target.unobserved else (memory.add_into,)
    counts = any(
        isinstance(s, Op) and s.decl in kinds and not shared.isdisjoint(writes_of(s, found.roots))
        for s in walk(new.body)
    )
    return replace(new, target=replace(new.target, only_axes=found.axes if counts else None))


class _Atomic(Rewriter):
    def __init__(self, roots: Roots, shared: frozenset[Value]) -> None:
        self.roots, self.shared = roots, shared

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(old, Op) and isinstance(new, Op) and old.decl is memory.add_into:
            target = old.operands[0]
            assert isinstance(target, Value)
            is_alone = old.attrs.get("alone") and old.origin != "adjoint"
            if not is_alone and not self.shared.isdisjoint(self.roots.get(target, ())):
                new = replace(new, decl=atomic_add)
        b.append(new)


def note_axes(fn: Function) -> Function:
    """`fn` with `target.thread_axes`: the axes of the launch whose thread positions the kernel reads, such as "xy"."""
    axes = "".join(sorted({a for s in walk(fn.body) for a in _axes_used(s)}))
    return replace(fn, target=replace(fn.target, thread_axes=axes))


class Threads:
    """The positions of a kernel's threads, and the elements that they access."""

    def __init__(self, fn: Function) -> None:
        self.fn = fn
        self.roots = storage_roots(fn)
        self.maker = definitions_in(walk(fn.body))
        self.loops = {s.index: s for s in walk(fn.body) if isinstance(s, For)}
        self.axes = fn.target.thread_axes

    def is_own(self, array: Value) -> bool:
        """Whether no two threads access the same element; a kernel that reads no thread position is for one thread."""
        if not self.axes:
            return True
        shapes: set[tuple[tuple[int, Place], ...]] = set()
        is_shared = isinstance(made := self.maker.get(array), Op) and made.decl is shared_array
        for op in self.touching(array):
            where = op.attrs.get("where")
            if op.decl not in _ELEMENTS or where is None or op.operands[0] is not array:
                return False
            found = self.places(where, op.operands[1 if op.decl is memory.index else 2 :])
            if is_shared:
                found = [(k, replace(p, is_of_grid=False)) for k, p in found]
            else:
                found = [(k, p) for k, p in found if p.is_of_grid]
            if {p.axis for _, p in found} != {*self.axes}:
                return False
            shapes.add(tuple(found))
        return _are_same(shapes)

    def touching(self, array: Value) -> Iterator[Op]:
        for s in walk(self.fn.body):
            if not isinstance(s, Op) or is_barrier(s) or s.decl.shape_of:
                continue
            if any(isinstance(a, Value) and array in self.roots.get(a, ()) for a in s.operands):
                yield s

    def places(self, where: str, operands: Sequence[Atom]) -> list[tuple[int, Place]]:
        """The axes of the array whose subscript differs between threads, with the subscript."""
        if any(item != "i" for item in items(where)):
            return []
        found = ((k, self.place(a)) for k, a in enumerate(operands))
        return [(k, p) for k, p in found if p is not None]

    def place(self, a: Atom) -> Place | None:
        if not isinstance(a, Value):
            return None
        if a in self.loops:
            return self.place_of_loop(self.loops[a])
        made = self.maker.get(a)
        if not isinstance(made, Op):
            return None
        if made.decl is grid:
            return Place("xyz"[made.results.index(a)], True, 1, 0)
        if made.decl is position:
            name, _, axis = made.attrs["of"].partition(".")
            return Place(axis, False, 1, 0) if name == "threadIdx" else None
        if made.decl in (arithmetic.add, arithmetic.subtract):
            return self.place_of_sum(made)
        if made.decl is arithmetic.multiply:
            return self.multiple(made.operands)
        return None

    def multiple(self, operands: Sequence[Atom]) -> Place | None:
        for a, b in (operands, operands[::-1]):
            place = self.place(a)
            if place is not None and isinstance(b, Const) and b.value:
                k = int(b.value)
                return replace(place, factor=place.factor * k, offset=place.offset * k)
        return None

    def place_of_sum(self, op: Op) -> Place | None:
        sign = 1 if op.decl is arithmetic.add else -1
        for a, b in (op.operands, op.operands[::-1]) if sign > 0 else (op.operands,):
            place = self.place(a)
            if place is None:
                continue
            if isinstance(b, Const):
                return replace(place, offset=place.offset + sign * int(b.value))
            # a loop index may belong to other blocks, too
            is_thread = self.position_name(a) == f"threadIdx.{place.axis}"
            if sign > 0 and is_thread and self.is_start(b, place.axis):
                return replace(place, is_of_grid=True)
        return None

    def is_start(self, a: Atom, axis: str) -> bool:
        """Whether `a` is `cuda.blockIdx.x * cuda.blockDim.x`, along `axis`."""
        return self.is_product(a, f"blockIdx.{axis}", f"blockDim.{axis}")

    def is_product(self, a: Atom, *names: str) -> bool:
        made = self.maker.get(a)
        if not isinstance(made, Op) or made.decl is not arithmetic.multiply:
            return False
        return sorted(map(self.position_name, made.operands)) == sorted(names)

    def position_name(self, a: Atom) -> str:
        made = self.maker.get(a)
        return made.attrs["of"] if isinstance(made, Op) and made.decl is position else ""

    def place_of_loop(self, loop: For) -> Place | None:
        """The position in the index of a grid-stride (or block-stride) loop, which is the thread's own index."""
        start = self.place(loop.start)
        if start is None or start.factor != 1 or start.offset:
            return None
        made = self.maker.get(loop.step)
        if start.is_of_grid:
            is_size = isinstance(made, Op) and made.decl is gridsize
            if is_size and "xyz"[made.results.index(loop.step)] == start.axis:  # type: ignore[union-attr]
                return start
            names = (f"gridDim.{start.axis}", f"blockDim.{start.axis}")
            return start if self.is_product(loop.step, *names) else None
        return start if self.position_name(loop.step) == f"blockDim.{start.axis}" else None


_ELEMENTS = (memory.index, memory.store, memory.add_into)


def _axes_used(s: Statement) -> str:
    """The axes of the launch along which a statement reads the thread's position."""
    if not isinstance(s, Op):
        return ""
    if s.decl is grid:
        return "xyz"[: s.attrs["axes"]]
    name, _, axis = (
        str(s.attrs.get("of", "")).partition(".") if s.decl is position else ("", "", "")
    )
    if name == "laneid":
        return "x"  # a lane number occurs in each warp
    return axis if name in ("threadIdx", "blockIdx") else ""


def _are_same(shapes: set[tuple[tuple[int, Place], ...]]) -> bool:
    """Whether several subscripts select elements of the same thread: their offsets differ by less than the factor."""
    rows = list(shapes)
    for row in rows[1:]:
        if [k for k, _ in row] != [k for k, _ in rows[0]]:
            return False
        for (_, p), (_, q) in zip(row, rows[0], strict=True):
            if (p.axis, p.is_of_grid, p.factor) != (q.axis, q.is_of_grid, q.factor):
                return False
            if p.offset != q.offset and not all(0 <= o.offset < abs(p.factor) for o in (p, q)):
                return False
    return True
