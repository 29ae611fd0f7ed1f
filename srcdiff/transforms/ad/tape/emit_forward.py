"""Stores of residuals: a plan's storage is allocated, and the forward part stores the planned values.

    for t in range(n):                          hs = np.empty((n, len(h)))
        h = np.tanh(W @ h)          becomes     for t in range(n):
                                                    hs[t] = h
                                                    h = np.tanh(W @ h)

`emit_backward` makes the loads and recomputations of the backward part.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.build import lookup, shapes_for, with_parts
from srcdiff.ir.core import For, Function, If, Op, Region, Statement, regions_of
from srcdiff.ir.types import List
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import containers, memory
from srcdiff.ops.control import control
from srcdiff.ops.core.index_patterns import elements_of
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.ad.tape.emit_backward import Backward
from srcdiff.transforms.ad.tape.plan import Layout, Plan, carried_result, lay_out
from srcdiff.transforms.analysis.dependence.affine import affine
from srcdiff.transforms.analysis.dependence.iteration_space import total


def write_plan(fn: Function, plan: Plan) -> Function:
    """`fn` without `save` and `restore`: values are stored, loaded and computed again by the plan."""
    layout = lay_out(plan, fn.body, shapes_for(fn))
    env = layout.env
    body = _top(fn.body, _Forward(layout), Backward(layout))
    named = {
        d: a for d, v in fn.derivative.adjoint_of.items() if isinstance(a := env.get(v, v), Value)
    }
    return replace(fn, body=body, derivative=replace(fn.derivative, adjoint_of=named))


def _top(region: Region, forward: _Forward, backward: Backward) -> Region:
    """The body of the function: each top-level statement belongs to the forward part or to the backward part."""
    out: list[Statement] = []
    allocations = _allocations(forward.layout)
    for s in region.body:
        out += allocations.get(id(s), [])
        out += backward.statement(s) if s.origin == "adjoint" else forward.statement(s)
    yields = tuple(lookup(backward.env, y) for y in region.yields)
    return Region(region.params, tuple(out), yields)


def _allocations(layout: Layout) -> dict[int, list[Statement]]:
    """The allocations in front of each top-level statement, by its id."""
    program = layout.program
    out: dict[int, list[Statement]] = {}
    for v, store in layout.stores.items():
        owner = program.owner[program.home[v]]
        while program.region_of[id(owner)] is not program.top:
            owner = program.owner[program.region_of[id(owner)]]
        out.setdefault(id(owner), []).extend(store.allocation)
    return out


def _lists(region: Region) -> list[tuple[Value, Statement]]:
    """The lists that are results of a region's statements, each with its statement."""
    return [(v, s) for s in region.body for v in s.results if isinstance(v.type, List)]


class _Forward:
    """The forward part, with statements that store values where they are made."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.program = layout.program

    def statement(self, s: Statement) -> list[Statement]:
        if isinstance(s, Op) and s.decl is memory.save:
            return []
        if isinstance(s, Op) and not self.layout.rows.isdisjoint(s.results):
            return self.row(s.result, s)
        inner = [self.region(r) for r in regions_of(s)]
        new = with_parts(s, s.operands, inner) if inner else s
        if isinstance(new, If) and isinstance(s, If):
            new = self.with_more_results(s, new)
        out = [new]
        for v in (*s.results, *self.layout.filled.get(id(s), ())):
            out += [] if isinstance(v.type, List) else self.keep(v, s)
        for param in self.layout.after.get(id(s), ()):
            out += self.keep_last(param, s)
        return out

    def row(self, buffer: Value, made: Op) -> list[Statement]:
        """A buffer that is stored whole becomes a row of its storage, and is filled there."""
        store = self.layout.stores[buffer]
        b = self.layout.builder(made)
        assert store.axes is not None
        at = self.layout.positions(buffer, store.axes, b, {})
        where = {"where": elements_of(at)}
        b.append(
            Op(memory.index, (store.storage, *at), (buffer,), where, made.location, "compiler")
        )
        return b.body

    def with_more_results(self, old: If, new: If) -> If:
        """The branch with further results, which the backward part needs. On the other path such a result is
        undefined.
        """
        results, sides = list(new.results), [list(new.then.yields), list(new.orelse.yields)]
        bodies = [list(new.then.body), list(new.orelse.body)]
        for side, region in enumerate((old.then, old.orelse)):
            for value, result in self.layout.branch_results.get(region, ()):
                nothing = Op(
                    control.undefined, (), (replace(value),), {"type": value.type}, None, "compiler"
                )
                bodies[1 - side].append(nothing)
                sides[side].append(value)
                sides[1 - side].append(nothing.results[0])
                results.append(result)
        then, orelse = (Region((), tuple(b), tuple(y)) for b, y in zip(bodies, sides, strict=True))
        return replace(new, then=then, orelse=orelse, results=tuple(results))

    def region(self, region: Region) -> Region:
        out: list[Statement] = []
        first = _after_elements(region)
        for s in region.body[:first]:
            out += self.statement(s)
        for p in region.params:
            out += self.keep(p, None)
        for s in region.body[first:]:
            out += self.statement(s)
        for v, s in _lists(region):  # a list is stored complete: nothing changes it afterwards
            out += self.keep(v, s)
        return Region(region.params, tuple(out), region.yields)

    def keep(self, v: Value, maker: Statement | None) -> list[Statement]:
        """The statements that store a value where it is made."""
        store = self.layout.stores.get(v)
        built = self.program.built.get(v)
        if store is None or (built is not None and maker is built.made):
            return []
        b = self.layout.builder(maker)
        kept, v = v, v if built is None else b.op(memory.read, v)
        if store.axes is None:
            b.ops(containers.append, store.storage, v)
        else:
            at = self.layout.positions(kept, store.axes, b, {})
            b.ops(memory.store, store.storage, v, *at, where=elements_of(at))
        return b.body

    def keep_last(self, param: Value, loop: Statement) -> list[Statement]:
        """The statements that store the final carried value of a loop, one place after the values at the starts of its
        iterations.
        """
        assert isinstance(loop, For)
        store = self.layout.stores[param]
        _, k = self.program.carried(param)
        b = self.layout.builder(loop)
        assert store.axes is not None
        *outer, last = store.axes
        loops = self.layout.plan.loops_around(param)
        at: list[Atom] = [
            a.position(x.index, b, {})
            for a, x in zip(outer, loops, strict=False)
            if isinstance(x, For)
        ]
        end = affine(loop.stop, self.program.maker).minus(last.first)
        place = total(b, end, {})
        at.append(
            b.op(arithmetic.maximum, place, const(0), spelling="max") if last.after else place
        )
        b.ops(memory.store, store.storage, carried_result(loop, k), *at, where=elements_of(at))
        return b.body


def _after_elements(region: Region) -> int:
    """How many statements at the start of an iteration only load its elements (`for x, y in zip(xs, ys)`)."""
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
