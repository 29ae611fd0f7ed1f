"""Lists to arrays: in compiled code, a list to which loops append arrays of one shape is one array.

    xs = []                                     xs = np.empty((n, len(x)))
    for t in range(n):                          for t in range(n):
        xs.append(f(t))             becomes         xs[t] = f(t)
    xs[i] = g(xs[i])                            xs[i] = g(xs[i])

The items of a list lie anywhere in memory; the rows of an array lie next to each other, and so do values kept of them.
The pass applies only where no item is changed in place, before it is appended or after it is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from srcdiff.ir.alias import Roots, storage_roots, written_roots
from srcdiff.ir.build import Builder, Env, Rewriter, change_dims, lengths_of, lookup, ops_of
from srcdiff.ir.core import For, Function, Op, Region, Statement, regions_of, walk
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Dim, Scalar, dims_of, quotient_of, shape_of
from srcdiff.ir.values import Atom, Const, Value, const, known_dim, symbol_of
from srcdiff.ops.arrays import containers, memory
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import all_regions, used_atoms

_USES = (containers.list_item, containers.list_set, containers.list_length)


@dataclass(frozen=True)
class _Place:
    """The position of appended items: the number of items before them, the loop, and its trip count."""

    before: Dim
    loop: For | None
    iterations: Dim


@dataclass
class _Row:
    """A list that becomes an array: its number of items, and the positions of its appends."""

    made: Op
    count: Dim
    places: dict[Op, _Place]
    storage: Value


def list_arrays(fn: Function) -> Function:
    if not any(s.decl is containers.list_new for s in ops_of(fn)):
        return fn
    rows = _Finder(fn).rows()
    if not rows:
        return fn
    pass_ = _Arrays(rows)
    new = pass_(fn)
    return change_dims(new, lambda d: d.substitute(pass_.lengths))


class _Finder:
    def __init__(self, fn: Function) -> None:
        self.fn = fn
        self.roots: Roots = storage_roots(fn)
        self.shapes: Shapes = lengths_of(fn)
        self.written = written_roots(fn, self.roots)
        self.known = {s for p in fn.params for d in dims_of(p.type) for s in d.symbols()}

    def rows(self) -> dict[Value, _Row]:
        found = (
            self.row(made, region, k)
            for region in all_regions(self.fn.body)
            for k, made in enumerate(region.body)
            if isinstance(made, Op) and made.decl is containers.list_new
        )
        return {row.made.result: row for row in found if row is not None}

    def row(self, made: Op, region: Region, k: int) -> _Row | None:
        """The array for a list, if the list is filled first and read afterwards."""
        xs, element = made.result, made.attrs["element"]
        if not isinstance(element, Array) or not self.is_known(*element.shape) or made.operands:
            return None
        count, places = Dim(), dict[Op, _Place]()
        users = [s for s in region.body[k + 1 :] if xs in set(used_atoms(s))]
        while users and (filling := _filling(users[0], xs)) is not None:
            more = Dim(1) if filling[1] is None else self.iterations(filling[1])
            if more is None:
                return None
            places[filling[0]] = _Place(count, filling[1], more)
            count, users = count + more, users[1:]
        if not places or xs in region.yields or not all(self.only_uses_items(s, xs) for s in users):
            return None
        if not self.are_values(xs, [*places, *(i for s in users for i in _inside(s, xs))]):
            return None
        type_ = Array(element.dtype, (count, *element.shape))
        return _Row(made, count, places, Value(type_, xs.name, xs.user))

    def is_known(self, *dims: Dim) -> bool:
        return all(d.symbols() <= self.known for d in dims)

    def iterations(self, loop: For) -> Dim | None:
        """The trip count of a loop."""
        start, stop = known_dim(loop.start), known_dim(loop.stop)
        if start is None or stop is None or not isinstance(loop.step, Const) or loop.step.value < 1:
            return None
        step = loop.step.value
        count = quotient_of(stop - start + (step - 1), step)
        if not self.is_known(count) or not self.shapes.is_at_least_zero(count):
            return None
        return count

    def only_uses_items(self, s: Statement, xs: Value) -> bool:
        """Whether a statement, with its regions, only reads and replaces items of a list."""
        if any(xs in r.yields for r in _regions(s)):
            return False
        return all(
            isinstance(i, Op)
            and i.decl in _USES
            and i.operands[0] is xs
            and xs not in i.operands[1:]
            for i in _inside(s, xs)
        )

    def are_values(self, xs: Value, uses: list[Statement]) -> bool:
        """Whether nothing writes to the arrays on a list."""
        held: set[Value] = set()
        for s in uses:
            assert isinstance(s, Op)
            atoms = (*s.results, *s.operands[1:])
            held.update(
                *(self.roots.get(a, ()) for a in atoms if isinstance(a, Value) and shape_of(a.type))
            )
            if any(shape_of(a.type) not in ((), xs.type.element.shape) for a in atoms):  # type: ignore[union-attr]
                return False
        return held.isdisjoint(self.written)


def _filling(s: Statement, xs: Value) -> tuple[Op, For | None] | None:
    """The only `append` to a list in a statement, and the loop that executes it in each iteration."""
    inside = _inside(s, xs)
    if len(inside) != 1:
        return None
    op = inside[0]
    if not isinstance(op, Op) or op.decl is not containers.append or op.operands[0] is not xs:
        return None
    if op is s:
        return op, None
    if not isinstance(s, For) or s.breaks or s.reverse or s.slots or op not in s.body.body:
        return None
    return None if any(xs in r.yields for r in _regions(s)) else (op, s)


def _inside(s: Statement, xs: Value) -> list[Statement]:
    """The statements with `xs` as an operand: `s` and the statements in its regions."""
    return [i for i in (s, *walk(*regions_of(s))) if xs in i.operands]


def _regions(s: Statement) -> Iterator[Region]:
    for region in regions_of(s):
        yield from all_regions(region)


class _Arrays(Rewriter):
    def __init__(self, rows: dict[Value, _Row]) -> None:
        self.rows = rows
        self.lengths: dict[str, Dim] = {}  # symbols that get a value
        self.places = {op: place for row in rows.values() for op, place in row.places.items()}
        self.index_of: dict[For, Value] = {}

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        b.location, b.origin = old.location, old.origin
        first = next(iter(old.operands), None)
        if isinstance(old, Op) and len(old.results) == 1 and old.result in self.rows:
            row = self.rows[old.result]
            attrs = {"type": row.storage.type}
            b.append(Op(memory.empty_of, (), (row.storage,), attrs, old.location, old.origin))
        elif isinstance(old, Op) and isinstance(first, Value) and first in self.rows:
            self.use(old, self.rows[first], env, b)
        elif isinstance(old, For) and any(s in self.places for s in old.body.body):
            self.fill(old, env, b)
        else:
            super().statement(old, env, b)

    def fill(self, loop: For, env: Env, b: Builder) -> None:
        """Append a loop that fills arrays; its index counts the rows: `for i in range(n): xs[i] = state[2 * i]`."""
        start, step, symbol = known_dim(loop.start), known_dim(loop.step), symbol_of(loop.index)
        assert start is not None and step is not None
        if (start == Dim() and step == Dim(1)) or symbol is None:
            super().statement(loop, env, b)
            return
        place = next(self.places[s] for s in loop.body.body if s in self.places)
        k = Value(Scalar("int64", True, b.shapes.fresh("k")), loop.index.name)
        iteration = b.inner()
        at: Atom = k if step == Dim(1) else iteration.op(arithmetic.multiply, loop.step, k)
        at = at if start == Dim() else iteration.op(arithmetic.add, lookup(env, loop.start), at)
        self.lengths[symbol] = start + Dim.of(symbol_of(k) or "").scaled(step.const)
        inner = {**env, loop.index: at}
        self.index_of[loop] = k
        for s in loop.body.body:
            self.statement(s, inner, iteration)
        yields = tuple(lookup(inner, y) for y in loop.body.yields)
        stop = b.op(memory.length, dim=place.iterations)
        carried = tuple(lookup(env, a) for a in loop.carried)
        body = iteration.region((k, *loop.body.params[1:]), yields)
        new = replace(loop, start=const(0), stop=stop, step=const(1))
        b.append(replace(new, carried=carried, body=body))

    def use(self, op: Op, row: _Row, env: Env, b: Builder) -> None:
        operands = [lookup(env, a) for a in op.operands[1:]]
        if op.decl is containers.append:
            b.ops(memory.store, row.storage, operands[0], self.place(row.places[op], b), where="i")
        elif op.decl is containers.list_set:
            b.ops(memory.store, row.storage, operands[1], operands[0], where="i")
        elif op.decl is containers.list_length:
            symbol = symbol_of(op.result)
            if symbol is not None:
                self.lengths[symbol] = row.count
            env[op.result] = b.op(memory.length, dim=row.count, name=op.result.name)
        else:
            item = b.op(memory.index, row.storage, operands[0], where="i")
            env[op.result] = b.op(memory.read, item, name=op.result.name)

    def place(self, at: _Place, b: Builder) -> Atom:
        """The index of an appended item."""
        before = (
            const(at.before.const) if at.before.is_const else b.op(memory.length, dim=at.before)
        )
        if at.loop is None:
            return before
        index = self.index_of.get(at.loop, at.loop.index)
        return index if at.before == Dim() else b.op(arithmetic.add, before, index)
