"""The tape of an adjoint kernel: storage of each thread becomes local arrays, or slices of array parameters.

    %ss = empty %n                              def f(..., ss):  # (n, threads)
    store[where='i'] %ss, %s, %k     becomes        thread = cuda.grid(1)
                                                    ss[k, thread] = s

The thread is the last axis, so that neighbouring threads touch neighbouring elements.
"""

from __future__ import annotations

import math
from collections.abc import Container, Mapping
from dataclasses import replace
from typing import TypeGuard

import numpy as np

from srcdiff.ir.alias import storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter, lookup, shapes_for
from srcdiff.ir.core import Function, If, Op, Region, Statement, regions_of, walk
from srcdiff.ir.facts import ThreadStorage
from srcdiff.ir.types import Array, Dim, ndim_of, shape_of
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import containers, memory
from srcdiff.ops.control import control, cuda_scalar
from srcdiff.ops.control.cuda_kernel import atomic_max, grid, gridsize
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import ALLOCATIONS, definitions_in, used_atoms
from srcdiff.transforms.gpu.device.preallocate import fill, unused
from srcdiff.transforms.lower.loop_nests import NoLoopForm
from srcdiff.transforms.lower.materialise_dims import bind_lengths
from srcdiff.transforms.simplify.dce import dce

_LOCAL = 1 << 16  # bytes of a local array, at most


def thread_storage(fn: Function) -> Function:
    """`fn` with its storage in local arrays and in further parameters, which `target.thread_storage` lists."""
    return _Storage(fn).function()


def _stack_params(fn: Function) -> list[Value]:
    """The parameters that are stacks for lists; their lengths are known only at run time."""
    names = {name for name, _ in fn.target.stacks}
    return [p for p in fn.params if p.name in names]


def _rooms(fn: Function) -> set[str]:
    """The symbols of the capacities of stacks, which the user's code never reads."""
    shapes = (p.type.shape for p in _stack_params(fn) if isinstance(p.type, Array))
    return {s for shape in shapes for s in shape[0].symbols()}


def _capacity_check(
    s: Statement, maker: Mapping[Atom, Statement], rooms: Container[str]
) -> Op | None:
    """The comparison of a count with a capacity, if a statement checks the capacity of a stack or guards an append."""
    made = maker.get(s.condition) if isinstance(s, If) and isinstance(s.condition, Value) else None
    if not isinstance(made, Op) or len(made.operands) != 2:
        return None
    length = maker.get(made.operands[1])
    if not isinstance(length, Op) or length.decl is not memory.length:
        return None
    if length.attrs["dim"].symbol not in rooms:
        return None
    return made if made.decl in (control.test, arithmetic.less) else None


def counts_of_storage(fn: Function) -> Function:
    """A kernel that computes the largest storage that a thread needs for the parameters of `thread_storage`.

    It writes the lengths into an array, one for each axis of each parameter.
    """
    needed = Value(
        Array("int64", (Dim.of("needed_count"),)), unused("needed", {p.name for p in fn.params})
    )
    body = _Counting(fn, needed).region(fn.body, {}, Builder(shapes_for(fn)))
    stacked = _stack_params(fn)
    params = (*(p for p in fn.params if p not in stacked), needed)
    counted = replace(
        fn,
        name=f"{fn.name}_storage",
        body=replace(body, params=(*params, *stacked)),
        target=replace(fn.target, unobserved=frozenset(p.name for p in fn.params), stacks=()),
        doc="The most that a thread needs of what it is given to keep, into `needed`.",
    )
    counted = dce(bind_lengths(counted))
    return replace(counted, body=replace(counted.body, params=params))


def _allocations(fn: Function) -> list[Op]:
    """The allocations that are not local arrays."""
    return [s for s in walk(fn.body) if _is_storage(s) and not _is_local(s)]


def _is_storage(s: Statement) -> TypeGuard[Op]:
    return (
        isinstance(s, Op)
        and s.decl.name in ALLOCATIONS
        and s.view_of is None
        and isinstance(s.result.type, Array)
    )


def _is_local(op: Op) -> bool:
    type_ = op.result.type
    assert isinstance(type_, Array)
    if not cuda_scalar.is_known(type_):
        return False
    return math.prod(d.const for d in type_.shape) * np.dtype(type_.dtype).itemsize <= _LOCAL


def _takes_off(s: Statement) -> bool:
    """Whether a statement of the backward part decreases the count of a stack."""
    if not isinstance(s, Op) or s.decl is not memory.store or s.origin != "adjoint":
        return False
    type_ = s.operands[0].type
    return isinstance(type_, Array) and type_.dtype == "int64"


class _Counting(Rewriter):
    def __init__(self, fn: Function, needed: Value) -> None:
        self.needed = needed
        self.maker = definitions_in(walk(fn.body))
        self.first: dict[Op, int] = {}  # allocation -> position of its first length in the array
        at = 0
        for op in _allocations(fn):
            self.first[op] = at
            at += ndim_of(op.result.type)
        self.of_lists = _rooms(fn)
        self.rooms: dict[str, list[int]] = {}
        self.rows: list[tuple[int, Dim]] = []
        for p in _stack_params(fn):
            for k, d in enumerate(shape_of(p.type)):
                if k == 0 and d.symbol is not None:
                    self.rooms.setdefault(d.symbol, []).append(at)
                else:
                    self.rows.append((at, d))
                at += 1

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        b.origin = "compiler"
        for at, d in self.rows:
            self.note(d, at, b)
        self.rows = []
        return super().region(old, env, b)

    def note(self, d: Dim, at: int, b: Builder) -> None:
        length: Atom = const(d.const) if d.is_const else b.op(memory.length, dim=d)
        b.ops(atomic_max, self.needed, length, const(at))

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        check = _capacity_check(old, self.maker, self.of_lists)
        if check is not None and check.decl is control.test:
            count = lookup(env, check.operands[0])
            made = self.maker[check.operands[1]]
            assert isinstance(made, Op)
            for at in self.rooms[made.attrs["dim"].symbol]:
                b.ops(atomic_max, self.needed, count, const(at))
            return
        if check is not None or _takes_off(old):
            return  # this kernel neither pushes nor pops
        super().statement(old, env, b)
        if isinstance(old, Op) and old in self.first:
            b.origin = "compiler"
            for k, d in enumerate(shape_of(old.result.type)):
                self.note(d, self.first[old] + k, b)


class _Storage(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.fn = fn
        self.roots = storage_roots(fn)
        self.given: dict[Atom, Value] = {}  # storage -> the parameter of which it is a slice
        self.local: dict[Value, Value] = {}
        self.maker = definitions_in(walk(fn.body))
        self.stacked = _stack_params(fn)
        self.of_lists = _rooms(fn)

    def function(self) -> Function:
        fn = self.fn
        taken = {p.name for p in fn.params} | {fn.name}
        b = Builder(shapes_for(fn), "compiler", fn.location)
        kept = []
        for op in _allocations(fn):
            type_ = op.result.type
            assert isinstance(type_, Array)
            own = op.result.name
            name = unused(own if own.isidentifier() else self.name_of(op.result), taken)
            kept.append(ThreadStorage(name, type_.shape, type_.dtype))
            threads = Dim.of("threads_of_launch")
            self.given[op.result] = Value(Array(type_.dtype, (*type_.shape, threads)), name)
        for p in self.stacked:
            assert isinstance(p.type, Array)
            kept.append(ThreadStorage(p.name, p.type.shape, p.type.dtype))
            threads = Dim.of("threads_of_launch")
            self.given[p] = Value(Array(p.type.dtype, (*p.type.shape, threads)), p.name)
        for s in walk(fn.body):
            if _is_storage(s) and s.results[0] not in self.given:
                assert isinstance(s, Op) and isinstance(s.result.type, Array)
                self.check_is_made_once(s)
                shape = tuple(Dim(max(d.const, 1)) for d in s.result.type.shape)
                made = Value(s.result.type, s.result.name or "buffer", s.result.user)
                attrs = {"type": replace(s.result.type, shape=shape)}
                b.append(Op(cuda_scalar.local_array, (), (made,), attrs, s.location, s.origin))
                self.local[s.result] = made
        self.thread = _thread(fn, b) if self.given else const(0)
        env: Env = {}
        for statement in fn.body.body:
            self.statement(statement, env, b)
        params = (*(p for p in fn.params if p not in self.stacked), *self.given.values())
        body = b.region(params, tuple(lookup(env, y) for y in fn.body.yields))
        return replace(fn, body=body, target=replace(fn.target, thread_storage=tuple(kept)))

    def name_of(self, storage: Value) -> str:
        """A name for storage, after the array whose elements it keeps."""
        maker = definitions_in(walk(self.fn.body))
        for s in walk(self.fn.body):
            if isinstance(s, Op) and s.decl is memory.store and s.operands[0] is storage:
                value = s.operands[1]
                made = maker.get(value)
                base = made.operands[0] if isinstance(made, Op) and made.operands else None
                if isinstance(made, Op) and made.decl is memory.index and isinstance(base, Value):
                    return f"kept_{base.name}"
        return "kept"

    def check_is_made_once(self, op: Op) -> None:
        """Refuse local arrays that a loop swaps; a thread has only one array for each allocation."""
        names = [v for v, own in self.roots.items() if op.result in own and len(own) > 1]
        if names:
            raise NoLoopForm("local arrays that are swapped", op.location)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if _is_storage(old):
            b.location, b.origin = old.location, old.origin
            place = self.local.get(old.result)
            if place is None:
                param = self.given[old.result]
                where = ", ".join([":"] * (ndim_of(param.type) - 1) + ["i"])
                name = old.result.name
                place = b.op(memory.index, param, self.thread, name=name, where=where)
            env[old.result] = place
            fill(b, old, place, env)
            return
        check = _capacity_check(old, self.maker, self.of_lists)
        if check is not None:  # the capacity suffices: the storage kernel has computed it
            assert isinstance(old, If)
            for inner in old.then.body if check.decl is arithmetic.less else ():
                self.statement(inner, env, b)
            return
        base = old.operands[0] if isinstance(old, Op) and old.operands else None
        if base in self.given and _is_element(old):
            assert isinstance(old, Op)
            operands = [lookup(env, a) for a in old.operands[1:]]
            b.location, b.origin = old.location, old.origin
            attrs = {**old.attrs, "where": f"{old.attrs['where']}, i"}
            new = replace(old, operands=(self.given[base], *operands, self.thread), attrs=attrs)
            b.append(new)
            return
        super().statement(old, env, b)


def _is_element(s: Statement) -> bool:
    """Whether a statement accesses one element of its first operand."""
    if not isinstance(s, Op) or s.decl not in (memory.index, memory.store, memory.add_into):
        return False
    type_ = s.operands[0].type
    where = str(s.attrs["where"]).split(", ")
    return isinstance(type_, Array) and where == ["i"] * type_.ndim


def _thread(fn: Function, b: Builder) -> Atom:
    """The number of a thread in its launch."""
    axes = "xyz".index(max(fn.target.thread_axes or "x")) + 1
    places = b.ops(grid, axes=axes, names=("thread",) if axes == 1 else ())
    if axes == 1:
        return places[0]
    sizes = b.ops(gridsize, axes=axes)
    number: Atom = places[-1]
    for k in range(axes - 2, -1, -1):
        name = "thread" if k == 0 else ""
        number = b.op(
            arithmetic.add, b.op(arithmetic.multiply, number, sizes[k]), places[k], name=name
        )
    return number


def inner_lists(fn: Function) -> Function:
    """`fn` with each list made inside the branch that alone uses it."""
    return _Inner()(fn)


class _Inner(Rewriter):
    def region(self, old: Region, env: Env, b: Builder) -> Region:
        body = list(old.body)
        for op in old.body:
            if isinstance(op, Op) and op.decl is containers.list_new and not op.operands:
                users = [k for k, s in enumerate(body) if op.result in used_atoms(s)]
                only = body[users[0]] if len(users) == 1 else None
                if isinstance(only, If) and op.result not in old.yields:
                    halves = [_uses(r, op.result) for r in regions_of(only)]
                    if sum(halves) == 1:
                        moved = [
                            replace(r, body=(op, *r.body)) if used else r
                            for r, used in zip(regions_of(only), halves, strict=True)
                        ]
                        body[users[0]] = replace(only, then=moved[0], orelse=moved[1])
                        body.remove(op)
        return super().region(Region(old.params, tuple(body), old.yields), env, b)


def _uses(region: Region, v: Value) -> bool:
    return v in region.yields or any(v in used_atoms(s) for s in region.body)
