"""Unroll-and-jam: one pass of the inner loop serves four iterations of the outer loop.

    for 0, %m { (%j) ->                        for 0, %full, 4 { (%j) ->
        %a = index %c, %j                          %a = index %c, %j;  %b = index %c, %j + 1;  ...
        for 0, %n { (%i) ->                        for 0, %n { (%i) ->
            %s = index %sums, %i      becomes          %s = index %sums, %i
            %t = add %s, (f %a, %i)                    %t = add %s, (f %a, %i);  %u = add %t, (f %b, %i);  ...
            store %sums, %t, %i } }                    store %sums, ..., %i } }
                                               for %full, %m { (%j) -> ... as before }

A pass over rows that computes little takes the time of its loads and stores. After this transformation a row that
several iterations of the outer loop update stays in registers, and a row that several of them read is loaded once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from srcdiff.ir.alias import storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter, clone_statement, lengths_of, lookup
from srcdiff.ir.core import For, Function, Op, Region, Statement
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Scalar, element_type
from srcdiff.ir.values import Atom, Const, Value, const, known_dim
from srcdiff.ops.arrays import memory
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.cost_model import price_of_element
from srcdiff.transforms.analysis.dependence.affine import ELEMENT_ACCESSES, subscripts
from srcdiff.transforms.analysis.effects import footprint, together
from srcdiff.transforms.schedule.distribute import other_iteration, parts_of_iterations
from srcdiff.transforms.schedule.vectorize.cost import Lengths
from srcdiff.transforms.simplify.cse import cse

UNROLL = 4  # iterations of the outer loop that are done together
_ENOUGH = 8  # iterations of a loop that is worth splitting into two
_STATEMENTS = 12  # statements of an inner iteration, at most; larger ones are not bound by memory
_LONG = 8  # iterations of the inner loop, at least


def jam(fn: Function, lengths: Mapping[str, int]) -> Function:
    """`fn` with iterations of outer loops together if that saves passes over rows; `lengths` of the given arguments
    determine which loops are long.
    """
    new = _Jam(fn, lengths)(fn)
    return fn if new.body is fn.body else cse(new, in_user_lines=True)


@dataclass(frozen=True)
class _Nest:
    """A loop whose iterations each have one inner loop, with the statements before and after it."""

    loop: For
    before: Sequence[Statement]
    inner: For
    after: Sequence[Statement]

    @property
    def ops(self) -> list[Op]:
        """The operations of an inner iteration."""
        return [s for s in self.inner.body.body if isinstance(s, Op)]


class _Jam(Rewriter):
    def __init__(self, fn: Function, lengths: Mapping[str, int]) -> None:
        self.roots = storage_roots(fn)
        self.iterations = Lengths.of(fn.body, lengths)
        self.lengths = lengths_of(fn)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        nest = self.nest(new) if isinstance(new, For) else None
        if nest is not None:
            _write(nest, b)
        elif isinstance(new, For):
            self.parts(new, b)
        else:
            b.append(new)

    def parts(self, loop: For, b: Builder) -> None:
        """Append a loop, or one loop for each part of its iterations if some parts are nests."""
        front, parts = (
            parts_of_iterations(loop, self.roots, b) if self.may_part(loop) else ([], [loop])
        )
        nests = [self.nest(part) for part in parts]
        if not any(nests):
            b.append(loop)
            return
        b.body += front
        for part, nest in zip(parts, nests, strict=True):
            if nest is None:
                b.append(part)
            else:
                _write(nest, b)

    def may_part(self, loop: For) -> bool:
        return not loop.carried and is_plain(loop) and self.is_long(loop)

    def nest(self, loop: For) -> _Nest | None:
        """A loop as a nest whose iterations may be interleaved, if that saves loads or stores."""
        body = loop.body.body
        loops = [k for k, s in enumerate(body) if isinstance(s, For)]
        if len(loops) != 1 or loop.carried or not is_plain(loop) or not self.is_long(loop):
            return None
        inner = body[loops[0]]
        assert isinstance(inner, For)
        found = _Nest(loop, body[: loops[0]], inner, body[loops[0] + 1 :])
        if not is_plain(inner) or not _is_small(found) or self.iterations.iterations(inner) < _LONG:
            return None
        return found if self.may_mix(found) and _saves(found) else None

    def is_long(self, loop: For) -> bool:
        return has_enough(loop, self.lengths, self.iterations)

    def may_mix(self, nest: _Nest) -> bool:
        """Whether the statements before the inner loop may move up, the statements after it may move down, and inner
        iterations are independent.
        """
        first, middle, last = (
            together(footprint(s, self.roots) for s in part)
            for part in (nest.before, [nest.inner], nest.after)
        )
        if first.writes or any(f.effect or f.slots for f in (first, middle, last)):
            return False
        if first.reads & (middle.writes | last.writes):
            return False
        if last.writes & (middle.reads | middle.writes) or last.reads & middle.writes:
            return False
        return all(self.is_independent(root, nest) for root in middle.writes)

    def is_independent(self, root: Value, nest: _Nest) -> bool:
        """Whether each inner iteration accesses some storage only at its own index along one axis."""
        touching = [op for op in nest.ops if root in self.touched(op)]
        axes = [
            {k for k, a in enumerate(subscripts(op)) if a is nest.inner.index} for op in touching
        ]
        names = {op.operands[0] for op in touching}
        return len(names) == 1 and bool(set.intersection(*axes))

    def touched(self, op: Op) -> frozenset[Value]:
        array = op.operands[0] if subscripts(op) else None
        return self.roots[array] if isinstance(array, Value) else frozenset()


def _is_small(nest: _Nest) -> bool:
    """Whether an inner iteration has few operations, and all are simple operations on elements."""
    here = {nest.loop.index, *(r for s in nest.before for r in s.results)}
    if not here.isdisjoint((nest.inner.start, nest.inner.stop)):
        return False
    if not all(isinstance(s, Op) for s in (*nest.before, *nest.inner.body.body)):
        return False
    return len(nest.ops) <= _STATEMENTS and all(map(_is_simple, nest.ops))


def _is_simple(op: Op) -> bool:
    if op.decl is memory.index:
        return bool(subscripts(op))
    if op.decl in ELEMENT_ACCESSES:
        array, value = (element_type(a.type) for a in op.operands[:2])
        # a store does not round the value
        return bool(subscripts(op)) and array.dtype == value.dtype
    is_number = all(isinstance(v.type, Scalar) for v in (*op.operands, *op.results))
    return is_number and price_of_element(op) <= 1


def _saves(nest: _Nest) -> bool:
    """Whether iterations of the outer loop write the same elements, or sum products with the same elements.

    If each iteration also updates a row of its own, separate iterations are faster, and so are sums if each iteration
    writes a row: LLVM assumes that rows of one array overlap.
    """
    rows = _rows(nest)
    stored = {op.operands[0] for op in nest.ops if subscripts(op) and op.decl is not memory.index}
    loaded = {op.operands[0] for op in nest.ops if subscripts(op) and op.decl is not memory.store}
    if (stored - rows) & loaded:
        return False
    return bool(stored & rows or (rows and nest.inner.carried and not stored))


def _rows(nest: _Nest) -> set[Atom]:
    """The arrays of which an inner iteration accesses one element, the same in all iterations of the outer loop."""
    places: dict[Atom, set[tuple[Atom, ...]]] = {}
    for op in nest.ops:
        if at := subscripts(op):
            places.setdefault(op.operands[0], set()).add(at)
    changing = {nest.loop.index, *(r for s in (*nest.before, *nest.ops) for r in s.results)}
    return {
        array
        for array, found in places.items()
        if len(found) == 1
        and changing.isdisjoint((array, *next(iter(found))))
        and nest.inner.index in next(iter(found))
    }


# ---- the loops ---------------------------------------------------------------------------------


def _write(nest: _Nest, b: Builder) -> None:
    """Append the loop over groups of iterations, and a loop for the remaining iterations."""
    loop = nest.loop
    b.location, b.origin = loop.location, "compiler"
    full = whole_iterations(loop, b)
    b.append(_several(nest, full, b))
    if full is not loop.stop:
        index = replace(loop.index, type=Scalar("int64", True, b.shapes.fresh("j")))
        b.append(replace(loop, start=full, body=other_iteration(loop, index), pair=0))


def _several(nest: _Nest, full: Atom, b: Builder) -> For:
    """A loop whose iterations are groups of the old iterations."""
    outer, pass_ = b.inner(), _Pass(_rows(nest), b.inner())
    after: list[Statement] = []
    carried: list[Atom] = []
    results: list[Value] = []
    for k in range(UNROLL):
        index: Atom = nest.loop.index
        if k:
            index = outer.op(arithmetic.add, nest.loop.index, const(k))
        iteration = other_iteration(nest.loop, index)
        outer.body += iteration.body[: len(nest.before)]
        inner = iteration.body[len(nest.before)]
        assert isinstance(inner, For)
        pass_.iteration(inner)
        carried += inner.carried
        results += inner.results
        after += iteration.body[len(nest.before) + 1 :]
    outer.append(
        replace(
            nest.inner, carried=tuple(carried), body=pass_.region(), results=tuple(results), pair=0
        )
    )
    outer.body += after
    region = outer.region((nest.loop.index,), ())
    return replace(nest.loop, stop=full, step=const(UNROLL), body=region, pair=0)


class _Pass:
    """An inner iteration for several outer iterations; elements of `rows` are kept in registers."""

    def __init__(self, rows: set[Atom], b: Builder) -> None:
        self.rows = rows
        self.b = b
        self.index: Value | None = None
        self.params: list[Value] = []
        self.yields: list[Atom] = []
        self.known: dict[Atom, Atom] = {}
        self.stores: dict[Atom, Op] = {}

    def iteration(self, inner: For) -> None:
        if self.index is None:
            self.index = inner.index
        env: Env = {inner.index: self.index}
        self.params += inner.body.params[1:]
        for s in inner.body.body:
            assert isinstance(s, Op)
            array = s.operands[0] if subscripts(s) else None
            if array is None or array not in self.rows:
                self.b.append(clone_statement(s, env))
            else:
                self.row(array, s, env)
        self.yields += (lookup(env, y) for y in inner.body.yields)

    def row(self, array: Atom, op: Op, env: Env) -> None:
        if op.decl is memory.index and array in self.known:
            env[op.result] = self.known[array]
            return
        new = clone_statement(op, env)
        assert isinstance(new, Op)
        if op.decl is memory.index:
            self.known[array] = new.result
            self.b.append(new)
            return
        value = new.operands[1]
        if op.decl is memory.add_into:
            value = self.sum(array, new)
        self.known[array] = value
        self.stores[array] = replace(
            new, decl=memory.store, operands=(array, value, *new.operands[2:])
        )

    def sum(self, array: Atom, op: Op) -> Value:
        if array not in self.known:
            self.known[array] = self.b.op(
                memory.index, array, *op.operands[2:], where=op.attrs["where"]
            )
        return self.b.op(arithmetic.add, self.known[array], op.operands[1])

    def region(self) -> Region:
        assert self.index is not None
        for store in self.stores.values():
            self.b.append(store)
        return self.b.region((self.index, *self.params), self.yields)


def is_plain(loop: For) -> bool:
    """Whether a loop counts up by one from a non-negative constant, without an early exit."""
    counts = isinstance(loop.start, Const) and loop.start.value >= 0 and loop.step == const(1)
    return counts and not (loop.reverse or loop.breaks or loop.is_parallel)


def has_enough(loop: For, known: Shapes, lengths: Lengths) -> bool:
    """Whether a loop has enough iterations for groups, and its range is never negative."""
    start, stop = known_dim(loop.start), known_dim(loop.stop)
    if start is None or stop is None or not known.is_at_least_zero(stop - start):
        return False
    return lengths.iterations(loop) >= _ENOUGH


def whole_iterations(loop: For, b: Builder) -> Atom:
    """The end of the iterations that form whole groups."""
    start, stop = known_dim(loop.start), known_dim(loop.stop)
    assert start is not None and stop is not None
    span = stop - start
    if span.is_const and not span.const % UNROLL:
        return loop.stop
    iterations = loop.stop
    if loop.start != const(0):
        iterations = b.op(arithmetic.subtract, loop.stop, loop.start)
    rest = b.op(arithmetic.mod, iterations, const(UNROLL))
    return b.op(arithmetic.subtract, loop.stop, rest, name="full")
