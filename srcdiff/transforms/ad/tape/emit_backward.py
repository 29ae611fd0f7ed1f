"""Residuals in the backward part: each region begins with loads or recomputations in the place of `restore`.

    for t in range(n) reversed:                 for t in range(n) reversed:
        %h = restore[1]             becomes         %h = index %hs, %t
        ...                                         ...

A forward value is loaded from the tape (an element of an array, an item of a list), passed on by the previous iteration
of the mirror, loaded from an array in which the program itself stores it, or computed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from srcdiff.ir.build import Builder, clone_statement, lookup, with_parts
from srcdiff.ir.core import For, Op, Region, Statement, While, regions_of
from srcdiff.ir.types import Array, Scalar, Type
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import containers, memory
from srcdiff.ops.core.index_patterns import elements_of
from srcdiff.ops.elementwise import arithmetic, conversions
from srcdiff.transforms.ad.tape.induction_variables import Counter, step
from srcdiff.transforms.ad.tape.plan import Layout, Store, carried_result
from srcdiff.transforms.ad.tape.refillable_buffers import without_saves
from srcdiff.transforms.analysis.dependence.access_regions import Loop
from srcdiff.transforms.analysis.dependence.affine import affine
from srcdiff.transforms.analysis.dependence.iteration_space import total


class Backward:
    """The walk over the backward part; `env` maps forward values to the values that stand for them there."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.plan = layout.plan
        self.program = layout.program
        self.env = layout.env
        self.counts: dict[Counter, Value] = {}  # counter -> the result of its mirror
        self.lists: set[Atom] = {s.storage for s in layout.stores.values() if s.axes is None}

    def statement(self, s: Statement) -> list[Statement]:
        if isinstance(s, Op) and s.decl is memory.restore and s.attrs["slot"] in self.layout.slots:
            self.env[s.results[0]] = lookup(self.env, self.layout.slots[s.attrs["slot"]])
            return []
        operands = [lookup(self.env, a) for a in s.operands]
        if isinstance(s, For):
            return self.loop(s, operands)
        regions = [self.region(r, None) for r in regions_of(s)]
        return [with_parts(s, operands, regions)]

    def loop(self, loop: For, operands: list[Atom]) -> list[Statement]:
        """A loop of the backward part; rolled and counted values become loop-carried values."""
        extra: list[Value] = []  # the further yields
        results: list[Value] = []
        params: list[Value] = []
        starts: list[Atom] = []
        for v, param in self.layout.rolling.get(id(loop), ()):
            ahead, k = self.program.carried(param)
            assert ahead is not None
            rolled = replace(v, name=f"next_{param.name}" if param.name else "", user=False)
            self.env[v] = rolled
            params.append(rolled)
            starts.append(carried_result(ahead, k))
            begin = ahead.carried[k].type  # a constant may have another dtype than the number
            own = rolled.type
            if isinstance(begin, Scalar) and isinstance(own, Scalar) and begin.dtype != own.dtype:
                begin = own
            results.append(replace(rolled, type=begin))
            extra.append(param)
        counting = self.layout.counting.get(id(loop), [])
        for c in counting:
            starts.append(lookup(self.env, c.begins))
            first, last = (c.param, c.result) if c.in_order else (c.end_of_iteration, c.start)
            counted = replace(c.param, type=first.type)
            self.env[first] = counted
            self.counts[c] = replace(counted, type=last.type)
            params.append(counted)
            results.append(self.counts[c])
            extra.append(c.ends)
        if any(c.in_order for c in counting):
            loop = replace(loop, reverse=counting[0].loop.reverse)
        body = self.region(loop.body, loop, counting)
        body = Region(
            (*body.params, *params),
            body.body,
            (*body.yields, *(lookup(self.env, p) for p in extra)),
        )
        new = with_parts(loop, [*operands, *starts], [body], lambda: (*loop.results, *results))
        assert isinstance(new, For)
        return self.over_list(new)

    def over_list(self, loop: For) -> list[Statement]:
        """A loop that takes one item of a list in each iteration runs over the length of the list. Then the loop needs
        no count of iterations.
        """
        for s in loop.body.body:
            if (
                isinstance(s, Op)
                and s.decl is containers.list_item
                and s.operands[1] is loop.index
                and s.operands[0] in self.lists
            ):
                if loop.start != const(0):
                    return [loop]
                b = Builder(self.layout.shapes, "adjoint", loop.location)
                stop = b.op(containers.list_length, s.operands[0])
                return [*b.body, replace(loop, stop=stop)]
        return [loop]

    def region(self, region: Region, loop: For | None, counting: Sequence[Counter] = ()) -> Region:
        """A backward region, which begins with the forward values that it needs."""
        b = Builder(self.layout.shapes, "adjoint", loop.location if loop is not None else None)
        for c in counting:
            self.count(c.steps, c.in_order, b)
        for v in sorted(self.needed_in(region), key=self.program.order):
            self.provide(v, b, region)
        for s in region.body:
            b.body += self.statement(s)
            for c in counting:
                self.leave(c, s)
        for c in counting:
            if c.inner is not None:
                self.count(c.after if c.in_order else c.before, c.in_order, b)
        return b.region(region.params, (lookup(self.env, y) for y in region.yields))

    def leave(self, counter: Counter, s: Statement) -> None:
        """After the inner loop, enter the value to which it has counted."""
        inner = counter.inner
        if inner is not None and s is inner.mirror:
            reached = inner.result if inner.in_order else inner.start
            assert isinstance(reached, Value)
            self.env[reached] = self.counts[inner]

    def count(self, steps: Sequence[Op], in_order: bool, b: Builder) -> None:
        """Append the steps of a counter; if not `in_order`, undo them, the last one first."""
        for op in steps if in_order else steps[::-1]:
            if in_order:
                b.append(replace(clone_statement(op, self.env), origin="adjoint"))
            else:
                counted = step(op, self.program)
                assert counted is not None
                before, by = counted
                undo = arithmetic.subtract if op.decl is arithmetic.add else arithmetic.add
                operands = lookup(self.env, op.result), lookup(self.env, by)
                self.env[before] = undone = replace(before)
                b.append(Op(undo, operands, (undone,), {}, op.location, "adjoint"))

    # ---- forward values ----

    def needed_in(self, region: Region) -> Sequence[Value]:
        """The forward values with which a backward region begins."""
        forward = self.layout.mirror.get(region)
        return () if forward is None else self.layout.needed.get(forward, ())

    def provide(self, v: Value, b: Builder, region: Region) -> None:
        if v in self.env:
            return
        stores = self.layout.stores
        if v in stores:
            self.env[v] = self.fetch(v, stores[v], b, region)
        elif v in self.plan.rolled:
            param = self.plan.rolled[v]
            self.env[v] = self.element(v, stores[param], b, ahead=1, like=param)
        elif (kept := self.plan.kept_by_program(v)) is not None:
            storage = kept.operands[0]
            if storage in self.needed_in(region):  # its own entry may come later
                self.provide(storage, b, region)  # type: ignore[arg-type]
            indices = [total(b, affine(a, self.program.maker), self.env) for a in kept.operands[2:]]
            base = lookup(self.env, storage)
            self.env[v] = self.load(v, base, indices, b, is_own=False)
        else:
            built = self.program.built.get(v)
            again = (self.program.maker[v],) if built is None else (built.made, *built.filling)
            inner = dict(self.env)  # values inside a repeated loop stay local to it
            for s in map(without_saves, again):
                b.append(replace(clone_statement(s, inner), origin="adjoint"))
            self.env.update((r, inner[r]) for r in again[0].results)

    def fetch(self, v: Value, store: Store, b: Builder, region: Region) -> Atom:
        if store.axes is not None:
            return self.element(v, store, b)
        loops = self.plan.loops_around(v)
        once_an_iteration = len(loops) == 1 and loops[0].body is self.program.home[v]
        by_iteration = once_an_iteration and _counts_from_zero(loops[0])
        decl = containers.list_item if by_iteration else containers.list_pop
        operands = (store.storage, region.params[0]) if by_iteration else (store.storage,)
        result = replace(v)
        b.append(Op(decl, operands, (result,), {}, b.location, "adjoint"))
        return result

    def element(
        self, v: Value, store: Store, b: Builder, ahead: int = 0, like: Value | None = None
    ) -> Atom:
        assert store.axes is not None
        at = self.layout.positions(like or v, store.axes, b, self.env, ahead)
        return self.load(v, store.storage, at, b)

    def load(
        self, v: Value, storage: Atom, at: Sequence[Atom], b: Builder, is_own: bool = True
    ) -> Atom:
        """An element of storage, as a value like `v`. Storage of the tape (`is_own`) is not written any more, so that
        an array can stay a view of it.
        """
        is_array = isinstance(v.type, Array)
        result = Value(v.type, v.name, v.user)
        b.append(
            Op(
                memory.index,
                (storage, *at),
                (result,),
                {"where": elements_of(at)},
                b.location,
                "adjoint",
            )
        )
        if self.layout.mixed and _is_python_number(v.type):
            return self.as_python(v, result, b)
        if is_own or not is_array:
            return result
        contents = replace(v)
        b.append(Op(memory.read, (result,), (contents,), {}, b.location, "adjoint"))
        return contents

    def as_python(self, v: Value, loaded: Value, b: Builder) -> Atom:
        """A loaded number as a Python number: a NumPy number from an array would widen a float32."""
        assert isinstance(v.type, Scalar)
        b.body[-1] = replace(
            b.body[-1], results=(replace(loaded, type=Scalar(v.type.dtype, False)),)
        )
        (loaded,) = b.body[-1].results
        convert = conversions.to_float if v.type.dtype == "float64" else conversions.to_int
        b.append(Op(convert, (loaded,), (result := replace(v),), {}, b.location, "adjoint"))
        return result


def _is_python_number(type_: Type) -> bool:
    return isinstance(type_, Scalar) and type_.weak and type_.dtype in ("float64", "int64")


def _counts_from_zero(loop: Loop) -> bool:
    if isinstance(loop, While):
        return True
    return loop.start == const(0) and loop.step == const(1) and not loop.reverse
