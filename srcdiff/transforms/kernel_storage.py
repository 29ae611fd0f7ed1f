"""Storage of a thread in an adjoint kernel: local arrays, and rows of arrays that are given.

    %ss = empty %n                              def f(..., ss):  # (n, threads)
    store[where='i'] %ss, %s, %k     becomes        thread = cuda.grid(1)
                                                    ss[k, thread] = s

The thread is the last axis, so that neighbouring threads touch neighbouring elements.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from srcdiff.ir.alias import storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter, lookup, shapes_for
from srcdiff.ir.core import Atom, Function, Op, Statement, Value, const, walk
from srcdiff.ir.types import Array, Dim
from srcdiff.ops import arithmetic, device, memory
from srcdiff.ops.kernels import atomic_max, grid, gridsize
from srcdiff.transforms.dce import dce
from srcdiff.transforms.device_storage import fill, unused
from srcdiff.transforms.facts import ALLOCATIONS
from srcdiff.transforms.kernel_atomics import axes_of_threads
from srcdiff.transforms.lengths import bind_lengths
from srcdiff.transforms.nests import NoLoopForm

__all__ = ["Kept", "counts_of_storage", "thread_storage"]

_LOCAL = 1 << 16  # bytes of an array that is a thread's own


@dataclass(frozen=True)
class Kept:
    """An array that a kernel is given for what threads keep.

    Attributes
    ----------
    shape : tuple of Dim
        What a thread needs; where a symbol is none of the arguments', only the run knows.
    """

    name: str
    shape: tuple[Dim, ...]
    dtype: str


def thread_storage(fn: Function) -> Function:
    """`fn` with its storage in local arrays, and in further parameters, which `notes["kept"]` says."""
    return _Storage(fn).function()


def counts_of_storage(fn: Function) -> Function:
    """A kernel that finds the most that a thread needs of what `thread_storage` makes parameters: it puts lengths into
    an array, one for each axis of each.
    """
    given = _allocations(fn)
    needed = Value(Array("int64", (Dim.of("needed_count"),)), unused("needed", {p.name for p in fn.params}))
    counting = _Counting({op: k for k, op in enumerate(given)}, needed)
    body = counting(fn).body
    params = (*fn.params, needed)
    notes = {**fn.notes, "unobserved": frozenset(p.name for p in fn.params)}
    counted = replace(
        fn, name=f"{fn.name}_storage", body=replace(body, params=params), notes=notes,
        doc="The most that a thread needs of what it is given to keep, into `needed`.",
    )
    return dce(bind_lengths(counted))


def _allocations(fn: Function) -> list[Op]:
    """The storage that is no local array."""
    return [s for s in walk(fn.body) if _is_storage(s) and not _is_local(s)]  # type: ignore[arg-type, misc]


def _is_storage(s: Statement) -> bool:
    return (
        isinstance(s, Op)
        and s.decl.name in ALLOCATIONS
        and s.view_of is None
        and isinstance(s.result.type, Array)
    )


def _is_local(op: Op) -> bool:
    type_ = op.result.type
    assert isinstance(type_, Array)
    if not device.is_known(type_):
        return False
    return math.prod(d.const for d in type_.shape) * np.dtype(type_.dtype).itemsize <= _LOCAL


class _Counting(Rewriter):
    def __init__(self, given: dict[Op, int], needed: Value) -> None:
        self.given, self.needed = given, needed
        self.first: dict[Op, int] = {}
        for op in given:
            self.first[op] = sum(len(o.result.type.shape) for o in self.first)  # type: ignore[union-attr]

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        super().statement(old, env, b)
        if isinstance(old, Op) and old in self.given:
            b.origin = "compiler"
            for k, d in enumerate(old.result.type.shape):  # type: ignore[union-attr]
                length: Atom = const(d.const) if d.is_const else b.op(memory.length, dim=d)
                b.ops(atomic_max, self.needed, length, const(self.first[old] + k))


class _Storage(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.fn = fn
        self.roots = storage_roots(fn)
        self.given: dict[Value, Value] = {}  # storage: the parameter that it is a part of
        self.local: dict[Value, Value] = {}

    def function(self) -> Function:
        fn = self.fn
        taken = {p.name for p in fn.params} | {fn.name}
        b = Builder(shapes_for(fn), "compiler", fn.location)
        kept = []
        for op in _allocations(fn):
            type_ = op.result.type
            assert isinstance(type_, Array)
            name = unused(op.result.name or self.name_of(op.result), taken)
            kept.append(Kept(name, type_.shape, type_.dtype))
            threads = Dim.of("threads_of_launch")
            self.given[op.result] = Value(Array(type_.dtype, (*type_.shape, threads)), name)
        for s in walk(fn.body):
            if _is_storage(s) and s.results[0] not in self.given:
                assert isinstance(s, Op) and isinstance(s.result.type, Array)
                self.check_is_made_once(s)
                shape = tuple(Dim(max(d.const, 1)) for d in s.result.type.shape)
                made = Value(s.result.type, s.result.name or "buffer", s.result.user)
                attrs = {"type": replace(s.result.type, shape=shape)}
                b.append(Op(device.local_array, (), (made,), attrs, s.location, s.origin))
                self.local[s.result] = made
        self.thread = _thread(fn, b) if self.given else const(0)
        env: Env = {}
        for statement in fn.body.body:
            self.statement(statement, env, b)
        params = (*fn.params, *self.given.values())
        body = b.region(params, tuple(lookup(env, y) for y in fn.body.yields))
        return replace(fn, body=body, notes={**fn.notes, "kept": tuple(kept)})

    def name_of(self, storage: Value) -> str:
        """What elements of an array are kept in is called after the array."""
        maker = {v: s for s in walk(self.fn.body) for v in s.results}
        for s in walk(self.fn.body):
            if isinstance(s, Op) and s.decl is memory.store and s.operands[0] is storage:
                value = s.operands[1]
                made = maker.get(value) if isinstance(value, Value) else None
                base = made.operands[0] if isinstance(made, Op) and made.operands else None
                if isinstance(made, Op) and made.decl is memory.index and isinstance(base, Value):
                    return f"kept_{base.name}"
        return "kept"

    def check_is_made_once(self, op: Op) -> None:
        """A thread has one local array; what a loop hands on from turn to turn would be two."""
        names = [v for v, own in self.roots.items() if op.result in own and len(own) > 1]
        if names:
            raise NoLoopForm("local arrays that change places", op.location)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if _is_storage(old):
            assert isinstance(old, Op)
            b.location, b.origin = old.location, old.origin
            place = self.local.get(old.result)
            if place is None:
                param = self.given[old.result]
                where = ", ".join([":"] * (len(param.type.shape) - 1) + ["i"])  # type: ignore[union-attr]
                name = old.result.name
                place = b.op(memory.index, param, self.thread, name=name, where=where)
            env[old.result] = place
            fill(b, old, place, env)
            return
        base = old.operands[0] if isinstance(old, Op) and old.operands else None
        if isinstance(base, Value) and base in self.given and _is_element(old):
            assert isinstance(old, Op)
            operands = [lookup(env, a) for a in old.operands[1:]]
            attrs = {**old.attrs, "where": f"{old.attrs['where']}, i"}
            new = replace(
                old, operands=(self.given[base], *operands, self.thread), attrs=attrs
            )
            b.append(new)
            return
        super().statement(old, env, b)


def _is_element(s: Statement) -> bool:
    """Whether it touches one element of its first operand."""
    if not isinstance(s, Op) or s.decl not in (memory.index, memory.store, memory.add_into):
        return False
    type_ = s.operands[0].type
    where = str(s.attrs["where"]).split(", ")
    return isinstance(type_, Array) and where == ["i"] * type_.ndim


def _thread(fn: Function, b: Builder) -> Atom:
    """The number of a thread in its launch."""
    axes = "xyz".index(max(axes_of_threads(fn) or "x")) + 1
    places = b.ops(grid, axes=axes, names=("thread",) if axes == 1 else ())
    if axes == 1:
        return places[0]
    sizes = b.ops(gridsize, axes=axes)
    number: Atom = places[-1]
    for k in range(axes - 2, -1, -1):
        name = "thread" if k == 0 else ""
        number = b.op(arithmetic.add, b.op(arithmetic.multiply, number, sizes[k]), places[k], name=name)
    return number

