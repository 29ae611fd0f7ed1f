"""Single-writer analysis: stores that race unless the launch has one thread or block along some dimension.

    i, j = cuda.grid(2)
    y[i] += A[i, j]               # along blockIdx.y and threadIdx.y, all threads add to the same element

The subscript does not depend on these dimensions. Each launch is checked to have extent 1 along them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from srcdiff.ir.core import Function, If, Op, Region, regions_of
from srcdiff.ir.facts import SingleWriter
from srcdiff.ir.types import Array, is_float
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.arrays import memory
from srcdiff.transforms.gpu.kernels.atomics import Threads
from srcdiff.transforms.gpu.kernels.barriers import shared_storage
from srcdiff.transforms.gpu.kernels.bounds_guards import Guard, Guards
from srcdiff.transforms.gpu.kernels.divergence import BLOCKS, THREADS, launch_dims


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
    if not isinstance(target.type, Array) or not is_float(target.type):
        return False
    if op.decl is memory.store:
        return not isinstance(op.operands[1], Const)
    return op.decl is memory.add_into and "alone" in op.attrs
