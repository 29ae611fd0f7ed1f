"""Outer-loop vectorisation: a block of outer iterations runs together, and each innermost loop runs over its lanes.

    for 0, %n { (%i) ->                              for 0, %blocks { (%block) -> ...
        %t = index %x, %i                                %ts = empty 256;  %powers = empty 256
        for 0, %m with 1.0 { (%j, %power) ->             for 0, %lanes { (%lane) -> store %ts, ...; store %powers, 1.0 }
            ...                              becomes     for 0, %m { (%j) ->
            %next = multiply %power, %t                      for 0, %lanes { (%lane) -> ...
            yield %next } }                                      %next = multiply %power, (index %ts, %lane)
                                                                 store %powers, %next, %lane } } }

LLVM vectorises innermost loops. It cannot if their iterations depend on each other (the power above), or if they stride
through memory that the outer loop accesses in order. The iterations of the outer loop are independent. In a block of
them, a number of an iteration becomes a row with one number for each lane, a private array gets the lanes as its last
axis, and sums over iterations are sums over the block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from srcdiff.ir.alias import storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter, lookup, with_parts
from srcdiff.ir.core import For, Function, If, Op, Region, Statement, regions_of
from srcdiff.ir.definedness import is_undefined
from srcdiff.ir.syntax.spelling import plural
from srcdiff.ir.types import Array, Dim, Scalar, strip
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import memory
from srcdiff.ops.core.index_patterns import elements_of
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import count_uses, definitions
from srcdiff.transforms.analysis.dependence.affine import subscripts
from srcdiff.transforms.analysis.dependence.uniformity import Varying, varying
from srcdiff.transforms.buffers.array_layout import own_arrays
from srcdiff.transforms.lower.loop_nests import index_called
from srcdiff.transforms.lower.materialise_dims import at_least_one, below
from srcdiff.transforms.schedule.gemm.tile_gemm_rows import RowProduct, products_of_iterations
from srcdiff.transforms.schedule.vectorize.cost import LanePrices, Lengths
from srcdiff.transforms.schedule.vectorize.pack_rows import own_rows, tables
from srcdiff.transforms.schedule.vectorize.recompute_recurrence import run_again
from srcdiff.transforms.schedule.vectorize.schedule import (
    Group,
    Item,
    Nest,
    Row,
    Schedule,
    is_allocation,
    outer_atoms,
)
from srcdiff.transforms.simplify.compose_subscripts import compose_subscripts


def lanes(fn: Function, lengths: Mapping[str, int]) -> Function:
    """`fn` with vectorised outer loops if their inner loops cannot be vectorised; `lengths` of the given arguments
    determine which loops are long.
    """
    new, found = _found(fn, lengths)
    if not found.taken:
        return fn
    return below(at_least_one(new, found.counts), found.short)


def side_by_side(fn: Function, lengths: Mapping[str, int]) -> frozenset[Value]:
    """The indices of the loops that `lanes` vectorises."""
    return frozenset(_found(fn, lengths)[1].taken)


def _found(fn: Function, lengths: Mapping[str, int]) -> tuple[Function, _Lanes]:
    """`fn` with lanes, after composition of subscripts, so that iterations access elements instead of rows."""
    fn = compose_subscripts(fn, named=True)
    found = _Lanes(fn, lengths)
    return found(fn), found


class _Lanes(Rewriter):
    def __init__(self, fn: Function, lengths: Mapping[str, int]) -> None:
        self.roots = storage_roots(fn)
        self.uses = count_uses(fn)
        maker = definitions(fn)
        movable = own_arrays(fn, maker)
        self.counts: list[str] = []  # symbols of integers that are at least 1
        self.taken: set[Value] = set()
        self.short: dict[Dim, int] = {}
        self.prices = LanePrices(Lengths.of(fn.body, lengths), self.uses, maker, movable)
        self.products = products_of_iterations(fn, self.roots, self.uses, maker)
        self.undefined = {v for v, s in maker.items() if is_undefined(s)}

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        computed: dict[For, tuple[Value, RowProduct]] = {}
        found = self.found(old, b, computed) if isinstance(old, For) else None
        if found is None:
            super().statement(old, env, b)
            return
        assert isinstance(old, For)
        self.taken.add(old.index)
        self.short |= self.prices.short(found)
        b.location, b.origin = old.location, "compiler"
        lanes = self.prices.lanes(found)
        plan = Schedule(found, self.uses, self.undefined)
        blocks = _Blocks(found, lanes, plan, computed, env, b)
        if self.prices.is_at_most(found.loop, lanes):
            env.update(zip(old.results, blocks.write_one(), strict=True))
            return
        count = blocks.write()
        assert isinstance(count.type, Scalar) and count.type.expr is not None
        self.counts += count.type.expr.symbols()

    def found(
        self, loop: For, b: Builder, computed: dict[For, tuple[Value, RowProduct]]
    ) -> Varying | None:
        """The varying values of a loop that gains, with packed rows if it gains only then.

        `computed` collects the loops that would copy rows of a matrix product; the block computes these rows instead.
        """
        found = varying(loop, self.roots, self.uses)
        if found is None:
            return None
        inner = Builder(b.shapes, "compiler", loop.location)
        again = run_again(found, inner)
        if again is not loop:
            plain, found = found, varying(again, self.roots, self.uses)
            found = found if found is not None and self.prices.pays(found) else plain
        if self.prices.pays(found):
            return found
        axes = {v: axis for v, axis in tables(found).items() if v not in self.prices.movable}
        if not axes:
            return None
        loop, copies = own_rows(found, axes, inner)
        found = varying(loop, self.roots, self.uses)  # the new rows have no aliases
        products = self.products.get(loop.index, {})
        for table, (row, copy) in zip(axes, copies.items(), strict=True):
            if table in products:
                computed[copy] = row, products[table]
        return found if found is not None and self.prices.pays(found, copies.values()) else None


class _Blocks:
    """Rewrites a loop as a loop over blocks of its iterations."""

    def __init__(
        self,
        found: Varying,
        lanes: int,
        plan: Schedule,
        computed: Mapping[For, tuple[Value, RowProduct]],
        env: Env,
        b: Builder,
    ) -> None:
        self.lanes = lanes
        self.computed = computed
        self.found, self.loop, self.b = found, found.loop, b
        self.plan = plan
        self.env: Env = dict(env)
        self.first: Atom
        self.count: Atom
        self.stored: dict[Row, Value] = {}

    def write(self) -> Value:
        """Append the loop over blocks; returns the number of lanes, which is at least 1."""
        loop, inner = self.loop, self.b.inner()
        start, stop = (lookup(self.env, a) for a in (loop.start, loop.stop))
        span = stop if start == const(0) else self.b.op(arithmetic.subtract, stop, start)
        rounded = self.b.op(arithmetic.add, span, const(self.lanes - 1))
        count = self.b.op(arithmetic.floor_divide, rounded, const(self.lanes))
        block = index_called(inner, "block")
        first = inner.op(arithmetic.multiply, const(self.lanes), block, name="first")
        if start != const(0):
            first = inner.op(arithmetic.add, start, first, name="first")
        left = inner.op(arithmetic.subtract, stop, first)
        self.first = first
        self.count = inner.op(
            arithmetic.minimum, const(self.lanes), left, name="lanes", spelling="min"
        )
        self.iterations(inner)
        carried = tuple(lookup(self.env, a) for a in loop.carried)
        yields = tuple(lookup(self.env, y) for y in loop.body.yields)
        region = inner.region((block, *loop.body.params[1:]), yields)
        self.b.append(
            replace(loop, start=const(0), stop=count, carried=carried, body=region, pair=0)
        )
        return self.count

    def write_one(self) -> list[Atom]:
        """Append a single block for a loop with few iterations; returns the loop's results."""
        loop, b = self.loop, self.b
        self.first, self.count = const(0), lookup(self.env, loop.stop)
        given = zip(loop.body.params[1:], loop.carried, strict=True)
        self.env.update((p, lookup(self.env, a)) for p, a in given)
        self.iterations(b)
        return [lookup(self.env, y) for y in loop.body.yields]

    def iterations(self, b: Builder) -> None:
        """Append a block of iterations."""
        for row in dict.fromkeys(self.plan.rows.values()):
            assert isinstance(row.of.type, Scalar)
            dtype, name = row.of.type.dtype, plural(row.of.name)
            self.stored[row] = b.op(memory.empty, const(self.lanes), dtype=dtype, name=name)
        self.items(self.plan.items, b)

    def items(self, items: Sequence[Item], b: Builder) -> None:
        for item in items:
            match item:
                case Group():
                    self.group(item, b)
                case Nest():
                    self.nest(item, b)
                case Op() if is_allocation(item) and item.result in self.found.values:
                    self.own_array(item, b)
                case _:  # a uniform statement: its result is the same for any iteration, so the first is used
                    b.append(Rewriter().keep(item, {self.loop.index: self.first, **self.env}, b))

    def widened(self, array: Value) -> Value:
        """A private array with the lanes as its last axis; a shared array as it is."""
        if array not in self.wide:
            return array
        type_ = array.type
        assert isinstance(type_, Array)
        wide = replace(array, type=Array(type_.dtype, (*type_.shape, Dim(self.lanes))))
        self.env[array] = wide
        return wide

    def own_array(self, op: Op, b: Builder) -> None:
        """Append the allocation of a private array for all lanes."""
        wide = self.widened(op.result)
        lengths = tuple(lookup(self.env, a) for a in op.operands)
        if op.decl is memory.empty:
            b.append(replace(op, operands=(*lengths, const(self.lanes)), results=(wide,)))
        else:
            b.append(replace(op, operands=lengths, results=(wide,), attrs={"type": wide.type}))

    def nest(self, nest: Nest, b: Builder) -> None:
        old = nest.statement
        if isinstance(old, For) and old in self.computed:
            row, product = self.computed[old]
            bounds: tuple[Atom, ...] = ()  # all rows
            if self.first != const(0):
                bounds = self.first, b.op(arithmetic.add, self.first, self.count)
            self.env[row] = product.block(bounds, self.env, b)
            return
        operands = [lookup(self.env, a) for a in old.operands]
        if isinstance(old, If):
            regions = [
                self.region(r.params, r.yields, items, b)
                for r, items in zip(regions_of(old), nest.inner, strict=True)
            ]
            results = tuple(map(self.widened, old.results))
            b.append(with_parts(old, operands, regions, lambda: results))
            return
        kept = [k for k, p in enumerate(old.body.params[1:]) if not self.found.of(p)]
        params = (old.index, *(old.body.params[k + 1] for k in kept))
        body = self.region(params, [old.body.yields[k] for k in kept], nest.inner[0], b)
        b.append(
            replace(
                old,
                start=operands[0],
                stop=operands[1],
                step=operands[2],
                carried=tuple(operands[k + 3] for k in kept),
                body=body,
                results=tuple(old.results[k] for k in kept),
                pair=0,
            )
        )

    def region(
        self, params: Sequence[Value], yields: Sequence[Atom], items: Sequence[Item], b: Builder
    ) -> Region:
        inner = b.inner()
        self.items(items, inner)
        return inner.region(params, [lookup(self.env, y) for y in yields])

    def group(self, group: Group, b: Builder) -> None:
        """Append the loop over the lanes that executes a group's statements."""
        made = {r for s in group.statements for r in s.results}
        sums = self.found.sums
        atoms = dict.fromkeys(a for s in group.statements for a in outer_atoms(s))
        begun = {sums[a]: a for a in atoms if a in sums and a not in made}
        ended = {sums[v]: v for s in group.statements for v in s.results if v in sums}
        carried = [a for k, a in begun.items() if k in ended and isinstance(a, Value)]
        inner = b.inner()
        lane = index_called(inner, "lane")
        env = dict(self.env)
        params = [replace(a, type=strip(a.type)) for a in carried]
        env.update(zip(carried, params, strict=True))
        for v in self.plan.taken(group):
            self.take(v, lane, env, inner)
        for s in group.statements:
            inner.append(_InLane(self.wide, lane).keep(s, env, inner))
        for row, a in group.puts:
            inner.ops(memory.store, self.stored[row], lookup(env, a), lane, where="i")
        ends = [ended[sums[a]] for a in carried]
        results = tuple(replace(v, type=strip(v.type)) for v in ends)
        region = inner.region((lane, *params), [lookup(env, v) for v in ends])
        b.append(
            For(const(0), self.count, const(1), tuple(lookup(self.env, a) for a in carried), region, results,
                location=b.location, origin=b.origin)
        )  # fmt: skip
        self.env.update(zip(ends, results, strict=True))

    @property
    def wide(self) -> frozenset[Value]:
        return self.found.own & self.found.values

    def take(self, v: Value, lane: Value, env: Env, b: Builder) -> None:
        """Load a number of a lane."""
        if v is self.loop.index and self.first == const(0):
            env[v] = lane
        elif v is self.loop.index:
            own = env[v] = replace(v)
            b.append(Op(arithmetic.add, (self.first, lane), (own,), {}, b.location, b.origin))
        elif v in self.plan.rows:
            row = self.stored[self.plan.rows[v]]
            env[v] = b.op(memory.index, row, lane, where="i", name=v.name)
        else:
            load = self.plan.loads[v]
            for a in load.operands:
                if a is self.loop.index and a not in env:
                    self.take(a, lane, env, b)
            own = env[v] = replace(v)
            b.append(replace(Rewriter().keep(load, env, b), results=(own,)))


class _InLane(Rewriter):
    """Rewrites statements for one lane: the lane is the last subscript of private arrays."""

    def __init__(self, wide: frozenset[Value], lane: Value) -> None:
        self.wide, self.lane = wide, lane

    def keep(self, old: Statement, env: Env, b: Builder) -> Statement:
        new = super().keep(old, env, b)
        at = subscripts(old)
        if not at or not isinstance(new, Op) or old.operands[0] not in self.wide:
            return new
        attrs = {**new.attrs, "where": elements_of((*at, self.lane))}
        return replace(new, operands=(*new.operands, self.lane), attrs=attrs)
