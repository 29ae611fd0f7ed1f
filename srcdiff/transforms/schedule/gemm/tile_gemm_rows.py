"""Tiling of a matrix product whose consumer reads one row in each iteration: a block of iterations needs only a block
of the product.

    %p = matmul %a, %b                          for blocks of iterations { ->
    for 0, %n { (%i) ->            becomes          %rows = matmul (transpose %b), (transpose a block of %a)
        ... index[i, i] %p, %i, %j                  ... index[i, i] %rows, %j, %lane

The whole product goes to memory and comes back, which takes as long as sixty multiplications for each element; a block
stays in the cache. The block is stored transposed, like the rows that `vectorize.pack_rows` copies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from srcdiff.ir.alias import Roots, writes_of
from srcdiff.ir.build import Builder, Env, lookup
from srcdiff.ir.core import For, Function, Op, Region, walk
from srcdiff.ir.types import Array
from srcdiff.ir.values import Atom, Value, known_dim
from srcdiff.ops.arrays import memory
from srcdiff.ops.linalg import products as linalg
from srcdiff.ops.shapes import permutations
from srcdiff.transforms.analysis.defuse import all_regions, transposed
from srcdiff.transforms.analysis.dependence.affine import subscripts
from srcdiff.transforms.analysis.memory_layout import Layouts, all_layouts

_DTYPES = ("float64", "float32")


@dataclass(frozen=True)
class RowProduct:
    """A product of which a loop needs a row in each iteration.

    Attributes
    ----------
    rows : Value
        The contiguous array that has a row for each iteration.
    across : Value
        The other matrix, contiguous, as the left factor of the transposed product; transposed first if `flip`.
    """

    rows: Value
    across: Value
    flip: bool

    def block(self, bounds: Sequence[Atom], env: Env, b: Builder) -> Value:
        """Append the product for the iterations between `bounds`, or for all, with a column for each iteration."""
        rows = lookup(env, self.rows)
        if bounds:
            rows = b.op(memory.index, rows, *bounds, where="b:e")
        matrix = lookup(env, self.across)
        if self.flip:
            matrix = b.op(permutations.transpose, matrix, spelling=".T")
        return b.op(linalg.matmul, matrix, b.op(permutations.transpose, rows, spelling=".T"))


def products_of_iterations(
    fn: Function, roots: Roots, uses: Mapping[Value, int], maker: Mapping[Atom, Op]
) -> dict[Value, dict[Value, RowProduct]]:
    """For each loop index, the products that only this loop uses."""
    return dict(_Finder(all_layouts(fn), roots, uses, maker).found(fn))


@dataclass(frozen=True)
class _Finder:
    layouts: Layouts
    roots: Roots
    uses: Mapping[Value, int]
    maker: Mapping[Atom, Op]

    def found(self, fn: Function) -> Iterator[tuple[Value, dict[Value, RowProduct]]]:
        for region in all_regions(fn.body):
            yield from self.region(region)

    def region(self, region: Region) -> Iterator[tuple[Value, dict[Value, RowProduct]]]:
        products: dict[Value, RowProduct] = {}
        for s in region.body:
            written = writes_of(s, self.roots)
            products = {v: p for v, p in products.items() if not self.changes(p, written)}
            if isinstance(s, For) and (
                own := {v: p for v, p in products.items() if self.is_of(s, v)}
            ):
                yield s.index, own
            if isinstance(s, Op) and (product := self.product(s)) is not None:
                products[s.result] = product

    def product(self, op: Op) -> RowProduct | None:
        if op.decl is not linalg.matmul or not isinstance(op.result.type, Array):
            return None
        rows, matrix = op.operands
        types = [a.type for a in (rows, matrix, op.result)]
        if not all(isinstance(t, Array) and t.ndim == 2 and t.dtype in _DTYPES for t in types):
            return None
        assert isinstance(rows, Value) and isinstance(matrix, Value)
        base = transposed(self.maker.get(matrix))
        across = matrix if base is None else base
        if not all(self.layouts[v].contiguous for v in (rows, across)):
            return None
        return RowProduct(rows, across, flip=base is None)

    def changes(self, product: RowProduct, written: frozenset[Value]) -> bool:
        return any(not self.roots[v].isdisjoint(written) for v in (product.rows, product.across))

    def is_of(self, loop: For, array: Value) -> bool:
        """Whether a loop has an iteration for each row of an array, and accesses only elements of its own row."""
        assert isinstance(array.type, Array)
        users = [s for s in walk(loop.body) if array in s.operands]
        is_own = all(
            isinstance(s, Op) and s.decl is memory.index and subscripts(s)[:1] == (loop.index,)
            for s in users
        )
        return (
            is_own
            and len(users) == self.uses[array]
            and known_dim(loop.stop) == array.type.shape[0]
        )
