"""Carries out a plan of what to store: allocates, stores in the forward part, takes from there or computes
again in the backward part.

Storage for loops with a known number of turns is an array with a leading axis for each loop, allocated in
front of the outermost; with an unknown one, or with lengths that differ from turn to turn, a list that grows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from srcdiff.ir.build import Builder, Env, clone_statement, lookup, shapes_for, with_parts
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
    const,
    regions_of,
    walk,
)
from srcdiff.ir.types import Array, Dim, Scalar, dims_of, map_dims, shape_of
from srcdiff.ops import arithmetic, containers, control, memory
from srcdiff.transforms.affine import Affine, affine
from srcdiff.transforms.loads import Loop, Program
from srcdiff.transforms.recompute import origins

__all__ = ["Plan", "write_plan"]


@dataclass(frozen=True)
class Axis:
    """One leading axis of an array of stored values: its length, and where the turn with a given index puts
    its value.
    """

    length: Affine
    first: Affine  # the index whose value is at position 0
    step: int

    def position(self, index: Atom, b: Builder, env: Env, ahead: int = 0) -> Atom:
        offset = Affine(ahead).minus(self.first)
        if self.step == 1:
            return total(
                b, Affine(0, {index: 1} if isinstance(index, Value) else {}).plus(offset), env
            )
        shifted = total(
            b, Affine(0, {index: 1} if isinstance(index, Value) else {}).minus(self.first), env
        )
        return b.op(arithmetic.floor_divide, shifted, const(self.step))


def total(b: Builder, amount: Affine, env: Env) -> Atom:
    """An affine expression as operations."""
    out: Atom | None = None
    for value, k in amount.terms.items():
        atom = lookup(env, value)
        term: Atom = atom if abs(k) == 1 else b.op(arithmetic.multiply, const(abs(k)), atom)
        if out is None:
            out = term if k > 0 else b.op(arithmetic.negative, term)
        else:
            out = b.op(arithmetic.add if k > 0 else arithmetic.subtract, out, term)
    if out is None:
        return const(amount.const)
    if amount.const == 0:
        return out
    return b.op(
        arithmetic.add if amount.const > 0 else arithmetic.subtract, out, const(abs(amount.const))
    )


def room(b: Builder, length: Affine) -> Atom:
    """A length for storage; a loop whose bounds lie the wrong way round makes no turns."""
    found = total(b, length, {})
    if isinstance(found, Const):
        return const(max(int(found.value), 0))
    if -2 <= length.const < 0 and all(k > 0 for k in length.terms.values()):
        return total(
            b, Affine(0, length.terms), {}
        )  # a place or two that stay unused are shorter to write
    may_be_negative = length.const < 0 or any(k < 0 for k in length.terms.values())
    return b.op(arithmetic.maximum, found, const(0), spelling="max") if may_be_negative else found


@dataclass
class Plan:
    """What is stored, rolled along and wanted, for the whole function."""

    program: Program
    body: Region
    wanted: list[Value] = field(default_factory=list)
    stored: set[Value] = field(default_factory=set)
    rolled: dict[Value, Value] = field(default_factory=dict)

    def depth(self, value: Value) -> int:
        return len(self.program.loops_around(self.program.home[value]))

    def known_symbols(self) -> set[str]:
        """Symbols of lengths that are known everywhere: those of the function's parameters."""
        return {s for p in self.program.top.params for d in dims_of(p.type) for s in d.symbols()}

    def is_known(self, dim: Dim) -> bool:
        return dim.symbols() <= self.known_symbols()

    # ---- where values are put ----------------------------------------------------------------

    def axes(self, value: Value) -> list[Axis] | None:
        """The leading axes of an array for a value; None where the turns or lengths are not known in front of
        the loops.
        """
        if not isinstance(value.type, Scalar | Array) or not all(
            map(self.is_known, shape_of(value.type))
        ):
            return None
        out: list[Axis] = []
        for loop in self.program.loops_around(self.program.home[value]):
            axis = self.axis(loop)
            if axis is None:
                return None
            out.append(axis)
        if self.stores_ahead(value):
            assert isinstance(loop, For)
            first = affine(loop.start, self.program.maker)
            out[-1] = replace(out[-1], length=self.turns(loop), first=first)
        return out

    def turns(self, loop: For) -> Affine:
        """Room for the values at the start of each turn and the one behind the last."""
        assert isinstance(loop, For)
        stop, start = self.outside(loop.stop, highest=True), self.outside(loop.start, highest=False)
        assert stop is not None and start is not None
        return stop.minus(start).plus(Affine(1))

    def axis(self, loop: Loop) -> Axis | None:
        if not isinstance(loop, For) or not isinstance(loop.step, Const) or loop.step.value == 0:
            return None
        step = int(loop.step.value)
        start, stop = affine(loop.start, self.program.maker), affine(loop.stop, self.program.maker)
        low, high = (loop.start, loop.stop) if step > 0 else (loop.stop, loop.start)
        top = self.outside(high, highest=True)
        if top is None:
            return None
        if step < 0:
            below = stop.known
            return (
                Axis(top.plus(Affine(1)), Affine(), 1)
                if below is not None and below >= -1
                else None
            )
        if step <= 2 and self.starts_low(loop, start):
            return Axis(top, Affine(), 1)
        bottom = self.outside(low, highest=False)
        if bottom is None or any(not self.program.is_top(v) for v in start.values()):
            return None
        room = top.minus(bottom)
        return Axis(room, start, 1) if step == 1 else None

    def starts_low(self, loop: For, start: Affine) -> bool:
        """Whether the indices themselves serve as places: they start near 0, or at an outer index (a triangle
        has room for all).
        """
        if start.known is not None:
            return 0 <= start.known <= 2
        lowest = self.outside(loop.start, highest=False)
        return lowest is not None and lowest.known is not None and 0 <= lowest.known <= 2

    def outside(self, atom: Atom, highest: bool) -> Affine | None:
        """A bound in terms of what is known in front of the loops; an outer index is taken at its largest
        (smallest) value.
        """
        out = Affine()
        bound = affine(atom, self.program.maker)
        out = Affine(bound.const)
        for value, k in bound.terms.items():
            term: Affine | None
            if self.program.is_top(value):
                term = Affine(0, {value: 1})
            elif (
                value in self.program.home
                and self.program.maker.get(value) is None
                and self.program.is_index(value)
            ):
                term = self.extreme(value, highest == (k > 0))
            else:
                term = self.by_length(value)
            if term is None:
                return None
            for _ in range(abs(k)):
                out = out.plus(term, 1 if k > 0 else -1)
        return out

    def by_length(self, value: Value) -> Affine | None:
        known = value.type.expr if isinstance(value.type, Scalar) else None
        if known is None or not self.is_known(known):
            return None
        made = Op(memory.length, (), (Value(value.type),), {"dim": known}, None, "compiler")
        self.lengths[made.results[0]] = made
        return Affine(0, {made.results[0]: 1})

    lengths: dict[Value, Op] = field(default_factory=dict)

    def extreme(self, index: Value, highest: bool) -> Affine | None:
        """The largest (smallest) value of a loop's index."""
        loop = self.program.owner[self.program.home[index]]
        assert isinstance(loop, For)
        if not isinstance(loop.step, Const):
            return None
        upwards = loop.step.value > 0
        if highest == upwards:
            last = self.outside(loop.stop, highest)
            return None if last is None else last.plus(Affine(-1 if upwards else 1))
        return self.outside(loop.start, highest)

    def stores_ahead(self, value: Value) -> bool:
        """Whether the value behind the last turn is stored as well, because the backward part cannot see it
        otherwise.
        """
        if value not in self.rolled.values():
            return False
        loop, k = self.program.carried(value)
        return loop is not None and not self.program.is_top(carried_result(loop, k))

    def can_roll(self, param: Value) -> bool:
        """Whether the value that a turn yields can be had from what the next turn stored."""
        loop, k = self.program.carried(param)
        if loop is None:
            return False
        if self.program.is_top(carried_result(loop, k)):
            return True
        if not isinstance(loop, For) or loop.breaks or loop.reverse:
            return False
        return (
            isinstance(loop.step, Const) and loop.step.value == 1 and self.axes(param) is not None
        )

    def kept_by_program(self, value: Value) -> Op | None:
        """The statement by which the program itself keeps a value, `H[t] = value`, if nothing overwrites it."""
        loops = self.program.loops_around(self.program.home[value])
        for op in self.program.keeps.get(value, ()):
            at = self.program.subscript(op)
            if (
                at is None
                or not self.program.is_top(at[0])
                or self.program.region_of[id(op)] is not self.program.home[value]
            ):
                continue
            indices = [loop.index for loop in loops if isinstance(loop, For)]
            exact = len(indices) == len(loops) == len(at[1]) == len(op.operands) - 2
            whole = exact and shape_of(at[0].type)[len(indices) :] == shape_of(value.type)
            runs = all(a.terms == {i: 1} for a, i in zip(at[1], indices, strict=False))
            if whole and runs and self.program.is_stable(op):
                return op
        return None


def carried_result(loop: Loop, k: int) -> Value:
    return (loop.carried_results if isinstance(loop, For) else loop.results)[k]


# ---- writing it out ---------------------------------------------------------------------------------


def write_plan(fn: Function, plan: Plan) -> Function:
    writer = _Writer(plan, fn)
    writer.find_pairs(fn.body)
    writer.choose_storage()
    body = writer.top(fn.body)
    named = {
        d: a
        for d, v in fn.notes.get("adjoint_of", {}).items()
        if isinstance(a := writer.env.get(v, v), Value)
    }
    return replace(fn, body=body, notes={**fn.notes, "adjoint_of": named})


@dataclass
class _Store:
    """Where a stored value is: an array with `axes`, or a list."""

    storage: Value
    allocation: list[Statement]
    axes: list[Axis] | None


class _Writer:
    def __init__(self, plan: Plan, fn: Function) -> None:
        self.plan = plan
        self.program = plan.program
        self.shapes = shapes_for(fn)
        self.stores: dict[Value, _Store] = {}
        self.mirror: dict[Region, Region] = {}  # backward region -> forward region
        self.backward: dict[Region, Statement] = {}
        self.env: Env = {}
        self.slots: dict[int, Value] = {}
        self.needed: dict[Region, list[Value]] = {}
        self.behind: dict[int, list[Value]] = {}
        self.handed: dict[
            Region, list[tuple[Value, Value]]
        ] = {}  # branch -> (its value, the result that it becomes)
        self.rolling: dict[int, list[tuple[Value, Value]]] = {}

    def builder(self, like: Statement | None = None) -> Builder:
        return Builder(self.shapes, "compiler", like.location if like is not None else None)

    def find_pairs(self, top: Region) -> None:
        """Match backward regions with forward ones, and slots with values."""
        forward: dict[int, Statement] = {}
        for s in walk(top):
            pair = getattr(s, "pair", 0)
            if isinstance(s, Op) and s.decl is memory.save:
                value = s.operands[0]
                assert isinstance(value, Value)
                self.slots[s.attrs["slot"]] = value
            elif pair and pair not in forward:
                forward[pair] = s
            elif pair:
                for back, ahead in zip(_bodies(s), _bodies(forward[pair]), strict=True):
                    self.mirror[back] = ahead
                    self.backward[ahead] = s
                    if isinstance(s, For) and isinstance(forward[pair], For):
                        self.env[ahead.params[0]] = back.params[0]

    # ---- what is where ------------------------------------------------------------------------------

    def choose_storage(self) -> None:
        """Pick storage for what is stored, and collect what each backward region has to have."""
        seen: set[Value] = set()
        stack = list(self.plan.wanted)
        while stack:
            v = stack.pop()
            if (
                v in seen
                or self.program.is_top(v)
                or (self.program.maker.get(v) is None and self.program.is_index(v))
            ):
                continue
            seen.add(v)
            self.needed.setdefault(self.program.home[v], []).append(v)
            if v in self.plan.stored and not self.program.loops_around(self.program.home[v]):
                self.hand_out(v)
            elif v in self.plan.stored:
                self.stores[v] = self.storage(v)
            elif v in self.plan.rolled:
                stack.append(self.plan.rolled[v])
                self.plan_rolling(v)
            elif self.plan.kept_by_program(v) is None:
                stack += origins(v, self.program)[0]

    def hand_out(self, v: Value) -> None:
        """A value of a branch that no loop is around becomes a result of the branch, and of those around it."""
        region, inner = self.program.home[v], v
        while region is not self.program.top:
            outer = replace(v)
            self.handed.setdefault(region, []).append((inner, outer))
            region, inner = self.program.region_of[id(self.program.owner[region])], outer
        self.env[v] = inner

    def plan_rolling(self, v: Value) -> None:
        param = self.plan.rolled[v]
        loop, _k = self.program.carried(param)
        assert loop is not None
        if self.plan.stores_ahead(param):
            self.behind.setdefault(id(loop), []).append(param)
        else:
            self.rolling.setdefault(id(self.backward[loop.body]), []).append((v, param))

    def storage(self, v: Value) -> _Store:
        loops = self.program.loops_around(self.program.home[v])
        axes = self.plan.axes(v) if loops else None
        b = self.builder()
        name = plural(v.name)
        if axes is None:
            element = map_dims(v.type, lambda d: d if self.plan.is_known(d) else _own(d))
            made = b.op(containers.list_new, name=name, element=element)
            return _Store(made, b.body, None)
        for axis in axes:
            b.body += [self.plan.lengths[x] for x in axis.length.values() if x in self.plan.lengths]
        lengths = [room(b, axis.length) for axis in axes]
        lengths += [b.op(memory.length, dim=d) for d in shape_of(v.type)]
        assert isinstance(v.type, Scalar | Array)
        made = b.op(memory.empty, *lengths, name=name, dtype=v.type.dtype)
        return _Store(made, b.body, axes)

    # ---- the forward part --------------------------------------------------------------------------------

    def top(self, region: Region) -> Region:
        out: list[Statement] = []
        allocations = self.allocations()
        for s in region.body:
            out += allocations.get(id(s), [])
            out += (
                self.backward_statement(s) if s.origin == "adjoint" else self.forward_statement(s)
            )
        return Region(region.params, tuple(out), tuple(lookup(self.env, y) for y in region.yields))

    def allocations(self) -> dict[int, list[Statement]]:
        """What is allocated in front of each top-level statement."""
        out: dict[int, list[Statement]] = {}
        for v, store in self.stores.items():
            owner = self.program.owner[self.program.home[v]]
            while self.program.region_of[id(owner)] is not self.program.top:
                owner = self.program.owner[self.program.region_of[id(owner)]]
            out.setdefault(id(owner), []).extend(store.allocation)
        return out

    def forward_statement(self, s: Statement) -> list[Statement]:
        if isinstance(s, Op) and s.decl is memory.save:
            return []
        inner = [self.forward_region(r) for r in regions_of(s)]
        new = with_parts(s, s.operands, inner) if inner else s
        if isinstance(new, If) and isinstance(s, If):
            new = self.with_more_results(s, new)
        out = [new]
        for v in s.results:
            out += self.keep(v, s)
        for param in self.behind.get(id(s), ()):
            out += self.keep_last(param, s)
        return out

    def with_more_results(self, old: If, new: If) -> If:
        """The branch with the results that the backward part needs; where the other side was taken they mean
        nothing.
        """
        results, sides = list(new.results), [list(new.then.yields), list(new.orelse.yields)]
        bodies = [list(new.then.body), list(new.orelse.body)]
        for side, region in enumerate((old.then, old.orelse)):
            for value, result in self.handed.get(region, ()):
                nothing = Op(
                    control.undefined, (), (replace(value),), {"type": value.type}, None, "compiler"
                )
                bodies[1 - side].append(nothing)
                sides[side].append(value)
                sides[1 - side].append(nothing.results[0])
                results.append(result)
        then, orelse = (Region((), tuple(b), tuple(y)) for b, y in zip(bodies, sides, strict=True))
        return replace(new, then=then, orelse=orelse, results=tuple(results))

    def forward_region(self, region: Region) -> Region:
        out: list[Statement] = []
        first = _behind_elements(region)
        for s in region.body[:first]:
            out += self.forward_statement(s)
        for p in region.params:
            out += self.keep(p, None)
        for s in region.body[first:]:
            out += self.forward_statement(s)
        return Region(region.params, tuple(out), region.yields)

    def keep(self, v: Value, maker: Statement | None) -> list[Statement]:
        """The statements that store a value where it is made."""
        store = self.stores.get(v)
        if store is None:
            return []
        b = self.builder(maker)
        if store.axes is None:
            b.ops(containers.append, store.storage, v)
        else:
            at = self.positions(v, store.axes, b, {})
            b.ops(memory.store, store.storage, v, *at, where=", ".join("i" for _ in at))
        return b.body

    def keep_last(self, param: Value, loop: Statement) -> list[Statement]:
        """What the loop ended with, behind the values that its turns started from."""
        assert isinstance(loop, For)
        store = self.stores[param]
        _, k = self.program.carried(param)
        b = self.builder(loop)
        assert store.axes is not None
        *outer, last = store.axes
        loops = self.program.loops_around(self.program.home[param])
        at = [
            a.position(x.index, b, {})
            for a, x in zip(outer, loops, strict=False)
            if isinstance(x, For)
        ]
        end = affine(loop.stop, self.program.maker).minus(last.first)
        b.ops(
            memory.store,
            store.storage,
            carried_result(loop, k),
            *at,
            total(b, end, {}),
            where=", ".join("i" for _ in store.axes),
        )
        return b.body

    def positions(
        self, v: Value, axes: Sequence[Axis], b: Builder, env: Env, ahead: int = 0
    ) -> list[Atom]:
        loops = self.program.loops_around(self.program.home[v])
        out: list[Atom] = []
        for n, (loop, axis) in enumerate(zip(loops, axes, strict=True)):
            assert isinstance(loop, For)
            index = lookup(env, loop.index)
            out.append(axis.position(index, b, env, ahead if n == len(axes) - 1 else 0))
        return out

    # ---- the backward part ------------------------------------------------------------------------------

    def backward_statement(self, s: Statement) -> list[Statement]:
        if isinstance(s, Op) and s.decl is memory.restore:
            self.env[s.results[0]] = lookup(self.env, self.slots[s.attrs["slot"]])
            return []
        operands = [lookup(self.env, a) for a in s.operands]
        if isinstance(s, For):
            return self.backward_loop(s, operands)
        regions = [self.backward_region(r, None) for r in regions_of(s)]
        return [with_parts(s, operands, regions)]

    def backward_loop(self, loop: For, operands: list[Atom]) -> list[Statement]:
        """A loop of the backward part; rolled values become carried ones."""
        extra, results, params, starts = [], [], [], []
        for v, param in self.rolling.get(id(loop), ()):
            ahead, k = self.program.carried(param)
            assert ahead is not None
            rolled = replace(v, name=f"next_{param.name}" if param.name else "", user=False)
            self.env[v] = rolled
            params.append(rolled)
            starts.append(carried_result(ahead, k))
            results.append(replace(rolled))
            extra.append(param)
        body = self.backward_region(loop.body, loop)
        body = Region(
            (*body.params, *params),
            body.body,
            (*body.yields, *(lookup(self.env, p) for p in extra)),
        )
        new = with_parts(loop, [*operands, *starts], [body], lambda: (*loop.results, *results))
        assert isinstance(new, For)
        return self.over_list(new)

    def over_list(self, loop: For) -> list[Statement]:
        """A loop that takes one element of a list each turn runs over the list's length: no count of turns is
        needed.
        """
        for s in loop.body.body:
            if (
                isinstance(s, Op)
                and s.decl is containers.list_item
                and s.operands[1] is loop.index
                and s.operands[0] in self.lists()
            ):
                if loop.start != const(0):
                    return [loop]
                b = Builder(self.shapes, "adjoint", loop.location)
                stop = b.op(containers.list_length, s.operands[0])
                return [*b.body, replace(loop, stop=stop)]
        return [loop]

    def lists(self) -> set[Atom]:
        return {s.storage for s in self.stores.values() if s.axes is None}

    def backward_region(self, region: Region, loop: For | None) -> Region:
        """A backward region begins with the forward values that it has to have."""
        b = Builder(self.shapes, "adjoint", loop.location if loop is not None else None)
        forward = self.mirror.get(region)
        if forward is not None:
            for v in sorted(self.needed.get(forward, ()), key=self.program.order):
                self.provide(v, b, region)
        for s in region.body:
            b.body += self.backward_statement(s)
        return Region(
            region.params, tuple(b.body), tuple(lookup(self.env, y) for y in region.yields)
        )

    def provide(self, v: Value, b: Builder, region: Region) -> None:
        if v in self.env:
            return
        if v in self.stores:
            self.env[v] = self.fetch(v, self.stores[v], b, region)
        elif v in self.plan.rolled:
            param = self.plan.rolled[v]
            self.env[v] = self.element(v, self.stores[param], b, ahead=1, like=param)
        elif (kept := self.plan.kept_by_program(v)) is not None:
            indices = [total(b, affine(a, self.program.maker), self.env) for a in kept.operands[2:]]
            self.env[v] = self.load(v, kept.operands[0], indices, b, is_own=False)
        else:
            copy = clone_statement(self.program.maker[v], self.env)
            b.append(replace(copy, origin="adjoint"))

    def fetch(self, v: Value, store: _Store, b: Builder, region: Region) -> Atom:
        if store.axes is not None:
            return self.element(v, store, b)
        loops = self.program.loops_around(self.program.home[v])
        once_a_turn = len(loops) == 1 and loops[0].body is self.program.home[v]
        result = replace(v)
        if once_a_turn and self.counts_from_zero(loops[0]):
            b.append(
                Op(
                    containers.list_item,
                    (store.storage, region.params[0]),
                    (result,),
                    {},
                    b.location,
                    "adjoint",
                )
            )
        else:
            b.append(
                Op(containers.list_pop, (store.storage,), (result,), {}, b.location, "adjoint")
            )
        return result

    def counts_from_zero(self, loop: Loop) -> bool:
        if isinstance(loop, While):
            return True
        return loop.start == const(0) and loop.step == const(1) and not loop.reverse

    def element(
        self, v: Value, store: _Store, b: Builder, ahead: int = 0, like: Value | None = None
    ) -> Atom:
        assert store.axes is not None
        at = self.positions(like or v, store.axes, b, self.env, ahead)
        return self.load(v, store.storage, at, b)

    def load(
        self, v: Value, storage: Atom, at: Sequence[Atom], b: Builder, is_own: bool = True
    ) -> Atom:
        """An element of storage as the value that it is. What was stored for the backward part is not written
        any more.
        """
        where = ", ".join("i" for _ in at)
        is_array = isinstance(v.type, Array)
        result = Value(v.type, v.name, v.user)
        b.append(
            Op(memory.index, (storage, *at), (result,), {"where": where}, b.location, "adjoint")
        )
        if is_own or not is_array:
            return result
        contents = replace(v)
        b.append(Op(memory.read, (result,), (contents,), {}, b.location, "adjoint"))
        return contents


def _behind_elements(region: Region) -> int:
    """How many statements at a turn's start only take the turn's elements (`for x, y in zip(xs, ys)`)."""
    taken: set[Atom] = set(region.params[:1])
    for k, s in enumerate(region.body):
        is_load = isinstance(s, Op) and s.decl in (
            memory.index,
            containers.list_item,
            containers.get,
            containers.unpack,
        )
        if not is_load or taken.isdisjoint(s.operands):
            return k
        taken.update(s.results)
    return len(region.body)


def _bodies(s: Statement) -> tuple[Region, ...]:
    return (
        (s.then, s.orelse) if isinstance(s, If) else (s.body,) if isinstance(s, For | While) else ()
    )


def _own(dim: Dim) -> Dim:
    """A length that differs from element to element of a list."""
    return dim.substitute({s: Dim.of(s if s.endswith("*") else f"{s}*") for s in dim.symbols()})


def plural(name: str) -> str:
    """`log_alphas` for what holds the `log_alpha` of each turn."""
    if not name:
        return ""
    if len(name) > 2 and name.endswith(("s", "x", "ch", "sh")):
        return f"{name}es"
    return (
        f"{name[:-1]}ies"
        if name.endswith("y") and len(name) > 2 and name[-2] not in "aeiou"
        else f"{name}s"
    )
