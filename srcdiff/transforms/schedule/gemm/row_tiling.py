"""Row tiling: a matrix product and the loops over its rows run block by block, so that the block stays in the cache.

    %p = matmul %x, %w                          %total = zeros
    %q = empty %n, %k                           for blocks of rows { ->
    for 0, %n { (%i) ->                             %p = matmul (a block of %x), %w
        ... index %p, %i, ...        becomes        %q = empty %rows, %k
        store %q, ..., %i, ... }                    for 0, %rows { (%i) -> ... index %p, %i ... store %q, ..., %i }
    %total = matmul (transpose %x), %q              add_into %total, (matmul (transpose a block of %x), %q) }

A whole matrix goes to memory and comes back, which takes as long as a hundred multiplications for each element. After a
matrix product, the statements that read only rows of the current iteration form a group (`row_tiling_legality`). The
order of statements for each row, and of rows for each statement, stays the same.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import replace

from srcdiff.ir.alias import storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import For, Function, Op, Region, Statement
from srcdiff.ir.types import Array, Dim, Scalar, shape_of
from srcdiff.ir.values import Atom, Value, const, known_dim
from srcdiff.ops.arrays import memory
from srcdiff.ops.elementwise import arithmetic
from srcdiff.ops.linalg import products
from srcdiff.ops.shapes import permutations
from srcdiff.transforms.analysis.defuse import count_uses, definitions, used_atoms
from srcdiff.transforms.analysis.dependence.affine import subscripts
from srcdiff.transforms.analysis.memory_layout import all_layouts
from srcdiff.transforms.lower.loop_nests import index_called
from srcdiff.transforms.lower.materialise_dims import at_least_one, below, size_of_call
from srcdiff.transforms.schedule.gemm.row_tiling_legality import ZEROS, Facts, Run

_ROWS = 256
_FEW_ROWS = 64  # rows of a block, at least; products of fewer rows are slow
_HELD = 2**16  # numbers of a block that stay in the cache
_MANY = 1024  # rows of a product that is tiled, at least
# numbers of a matrix that is tiled, at least; smaller ones stay in the cache as a whole
_LARGE = 2**17


def row_blocks(fn: Function, lengths: Mapping[str, int]) -> Function:
    """`fn` with matrix products in blocks of rows if they are large for the `lengths` of the given arguments."""
    blocks = _RowBlocks(fn, lengths)
    new = blocks(fn)
    return below(at_least_one(new, blocks.counts), blocks.short)


class _RowBlocks(Rewriter):
    def __init__(self, fn: Function, lengths: Mapping[str, int]) -> None:
        self.lengths = lengths
        self.facts = Facts(storage_roots(fn), count_uses(fn), definitions(fn), all_layouts(fn))
        self.short: dict[Dim, int] = {}
        self.counts: list[str] = []  # symbols of integers that are at least 1

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        plan = self.plan(old.body)
        if not any(isinstance(item, Run) for item in plan):
            return super().region(old, env, b)
        for item in plan:
            if not isinstance(item, Run):
                self.statement(item, env, b)
                continue
            for s in item.front:
                self.statement(s, env, b)
            b.location, b.origin = item.body[0].location, "compiler"
            wanted, counts = _Block(item, self.rows(item), env, b).write()
            env.update(wanted)
            self.counts += counts
            for s in item.after:
                self.statement(s, env, b)
            for view, base in item.views.items():  # later statements may use the views
                if base not in item.local():
                    self.statement(self.facts.maker[view], env, b)
        return b.region(old.params, [lookup(env, y) for y in old.yields])

    def plan(self, statements: Sequence[Statement]) -> list[Statement | Run]:
        """The statements, with runs in place of the statements that they contain."""
        out: list[Statement | Run] = []
        k = 0
        while k < len(statements):
            run, count = self.run_of(statements[k:])
            out.append(run or statements[k])
            k += count
        return out

    def run_of(self, statements: Sequence[Statement]) -> tuple[Run | None, int]:
        """The run that starts with the first statement, if it is profitable, and its number of statements (else 1)."""
        first = statements[0]
        if not isinstance(first, Op) or first.decl is not products.matmul:
            return None, 1
        shape = shape_of(first.result.type)
        if len(shape) != 2 or shape[0].is_const:
            return None, 1
        run, length = self.longest(shape[0], statements)
        widths = {v: self.width(v) for v in run.local() if len(shape_of(v.type)) > 1}
        views = [v for v, base in run.views.items() if base in widths]
        local = {*widths, *views}
        touched = [k for k, s in enumerate(statements[:length]) if self.touches(s, local)]
        rows, widest = size_of_call(shape[:1], self.lengths), max(widths.values(), default=0)
        if not touched or not widest or rows is None or run.body[:1] != [first]:
            return None, 1
        enough = max(_MANY, _LARGE // widest)
        if rows < enough:
            self.short[shape[0]] = min(enough, self.short.get(shape[0], enough))
            return None, 1
        return self.longest(shape[0], statements[: touched[-1] + 1])

    def longest(self, count: Dim, statements: Sequence[Statement]) -> tuple[Run, int]:
        run = Run(self.facts, count)
        for k, s in enumerate(statements):
            if not run.takes(s):
                return run, k
        return run, len(statements)

    def width(self, array: Value) -> int:
        """The number of elements in a row of an array; 0 if it is not known."""
        return size_of_call(shape_of(array.type)[1:], self.lengths) or 0

    @staticmethod
    def touches(s: Statement, arrays: Container[Atom]) -> bool:
        return any(a in arrays for a in (*used_atoms(s), *s.results))

    def rows(self, run: Run) -> int:
        """The number of rows in a block."""
        width = sum(map(self.width, run.local()))
        rows = _ROWS
        while rows > _FEW_ROWS and rows * width > _HELD:
            rows //= 2
        return rows


class _Block:
    """Writes a run as a loop over blocks of its rows."""

    def __init__(self, run: Run, rows: int, env: Env, b: Builder) -> None:
        self.run, self.most, self.b = run, rows, b
        self.env: Env = dict(env)
        self.ends: list[Atom] = []  # running sums of the loops over rows
        self.parts: dict[Atom, Value] = {}  # array that stays whole -> the block's rows of it

    def write(self) -> tuple[Env, list[str]]:
        """Append the loop; returns the arrays that later statements use, and the symbols of the number of rows, which
        is at least 1.
        """
        b, inner = self.b, self.b.inner()
        loops = [s for s in self.run.body if isinstance(s, For)]
        begun = tuple(lookup(self.env, a) for s in loops for a in s.carried)
        results = tuple(r for s in loops for r in s.results)
        wanted = self.in_front()
        n = b.op(memory.length, dim=self.run.count)
        rounded = b.op(arithmetic.add, n, const(self.most - 1))
        blocks = b.op(arithmetic.floor_divide, rounded, const(self.most))
        block = index_called(b, "block")
        self.first = inner.op(arithmetic.multiply, const(self.most), block, name="first")
        left = inner.op(arithmetic.subtract, n, self.first)
        most = const(self.most)
        self.count = inner.op(arithmetic.minimum, most, left, name="rows", spelling="min")
        self.stop = inner.op(arithmetic.add, self.first, self.count, name="last")
        self.params = {r: replace(r) for r in results}
        for s in self.run.body:
            inner.location, inner.origin = s.location, s.origin
            self.statement(s, inner)
        for old, new in wanted.items():
            bounds = self.first, self.stop
            inner.ops(memory.store, new, self.env[old], *bounds, where="b:e")
        body = inner.region((block, *self.params.values()), self.ends)
        b.append(
            For(const(0), blocks, const(1), begun, body, results, location=b.location, origin=b.origin)
        )  # fmt: skip
        assert isinstance(self.count.type, Scalar) and self.count.type.expr is not None
        return wanted, list(self.count.type.expr.symbols())

    def in_front(self) -> Env:
        """Append the arrays that all blocks fill or add to; returns the arrays that later statements use."""
        b, local = self.b, self.run.local()
        wanted: Env = {}
        for s in self.run.body:
            if isinstance(s, Op) and s.result in self.run.sums:
                attrs = {"type": s.result.type}
                b.append(replace(s, decl=memory.zeros_of, operands=(), attrs=attrs, spelling=""))
            elif isinstance(s, Op) and s.result not in local:
                made = b.op(memory.empty_of, type=s.result.type, name=s.result.name)
                wanted[s.result] = made
        return wanted

    def statement(self, s: Statement, b: Builder) -> None:
        match s:
            case For():
                self.loop(s, b)
            case Op() if s.decl is not products.matmul:
                self.env[s.result] = self.own_array(s, b)
            case Op() if s.result in self.run.sums:
                left, right = (self.part(v, b) for v in self.run.factors[s.result])
                across = b.op(permutations.transpose, left, spelling=".T")
                b.ops(memory.add_into, s.result, b.op(products.matmul, across, right), where="")
            case Op():
                left, right = s.operands
                rows, matrix = self.part(left, b), lookup(self.env, right)
                self.env[s.result] = b.op(products.matmul, rows, matrix, name=s.result.name)

    def own_array(self, op: Op, b: Builder) -> Value:
        """Append the allocation of a block's rows of an array."""
        type_ = op.result.type
        assert isinstance(type_, Array)
        lengths = [b.op(memory.length, dim=d) for d in type_.shape[1:]]
        made = memory.zeros if op.decl in ZEROS else memory.empty
        return b.op(made, self.count, *lengths, dtype=type_.dtype, name=op.result.name)

    def part(self, rows: Atom, b: Builder) -> Atom:
        """The block's rows of an array."""
        found, type_, count = lookup(self.env, rows), rows.type, known_dim(self.count)
        if rows in self.run.made:
            return found
        if rows in self.parts:
            return self.parts[rows]
        assert isinstance(type_, Array) and count is not None
        part = Value(Array(type_.dtype, (count, *type_.shape[1:])))
        bounds = found, self.first, self.stop
        b.append(Op(memory.index, bounds, (part,), {"where": "b:e"}, b.location, b.origin))
        self.parts[rows] = part
        return part

    def loop(self, old: For, b: Builder) -> None:
        """Append the loop over the block's rows."""
        row, inner = index_called(b, old.index.name), b.inner()
        env = dict(self.env)
        env[old.index] = inner.op(arithmetic.add, self.first, row, name="row")
        rows = _OfBlock(self.run.made, row)
        for s in old.body.body:
            rows.statement(s, env, inner)
        params = (row, *old.body.params[1:])
        body = inner.region(params, [lookup(env, y) for y in old.body.yields])
        carried = tuple(self.params[r] for r in old.results)
        results = tuple(replace(r) for r in old.results)
        b.append(replace(old, stop=self.count, carried=carried, body=body, results=results, pair=0))
        self.ends += results


class _OfBlock(Rewriter):
    """Rewrites the statements of an iteration: arrays of a block are indexed from its first row."""

    def __init__(self, made: Collection[Atom], row: Value) -> None:
        self.made, self.row = made, row

    def keep(self, old: Statement, env: Env, b: Builder) -> Statement:
        new = super().keep(old, env, b)
        if not subscripts(old) or not isinstance(new, Op) or old.operands[0] not in self.made:
            return new
        first = 1 if new.decl is memory.index else 2
        operands = (*new.operands[:first], self.row, *new.operands[first + 1 :])
        return replace(new, operands=operands)
