"""Matrix-vector products in a loop become one matrix-matrix product in front of it.

    for 0, %n { (%t) ->                              %p = matmul %xs, %UT
        %y = matmul %U, (index[i] %xs, %t)           %A = empty %n, %k
        add_into %D, (outer %a, %y) }     becomes    for 0, %n { (%t) ->
                                                         %y = index[i] %p, %t;  store %A, %a, %t }
                                                     add_into %D, (matmul (transpose %A), ...)

A matrix-vector product takes the time of loading the matrix. The rows of all iterations are kept, so the pass
applies to large products only. The sums are added up in another order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from srcdiff.ir.alias import storage_roots, writes_of
from srcdiff.ir.build import Builder, Env, Rewriter, lengths_of, lookup
from srcdiff.ir.core import For, Function, Op, Statement, walk
from srcdiff.ir.syntax.spelling import plural
from srcdiff.ir.types import Array, Dim, shape_of
from srcdiff.ir.values import Atom, Value, const, known_dim
from srcdiff.ops.arrays import memory
from srcdiff.ops.linalg import products as linalg
from srcdiff.ops.shapes import permutations
from srcdiff.transforms.analysis.defuse import count_uses, defined_in, used_atoms
from srcdiff.transforms.lower.materialise_dims import size_of_call

_LEAST = 1024  # multiplications of an iteration, at least; below, loops are faster than BLAS and new arrays


def gathered_products(fn: Function, lengths: Mapping[str, int]) -> Function:
    """`fn` with products gathered from loops; `lengths` of the given arguments determine which are large."""
    return _Gather(fn, lengths)(fn)


@dataclass(frozen=True, eq=False)
class _Loop:
    """A loop over the rows 0, 1, ... of arrays with as many rows as the loop has iterations."""

    loop: For
    own: frozenset[Value]
    makers: Mapping[Atom, Op]
    written: frozenset[Value]
    count: Dim
    # vectors of the iterations -> the arrays that collect them as rows
    kept: dict[Value, Value] = field(default_factory=dict)


class _Gather(Rewriter):
    def __init__(self, fn: Function, lengths: Mapping[str, int]) -> None:
        self.roots = storage_roots(fn)
        self.uses = count_uses(fn)
        self.lengths = lengths
        self.shapes = lengths_of(fn)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        found = self.loop(old) if isinstance(old, For) else None
        if found is None:
            super().statement(old, env, b)
            return
        body: list[Statement] = []
        after: list[Op] = []
        for s in found.loop.body.body:
            b.location, b.origin = s.location, s.origin
            if isinstance(s, Op) and (rows := self.product(s, found)) is not None:
                s = self.row_of_product(s, rows, found, env, b)
            elif isinstance(s, Op) and (factors := self.update(s, found)) is not None:
                left, right = (self.rows(a, found, body, env, b) for a in factors)
                inner = b.inner()
                inner.location, inner.origin = s.location, s.origin
                product = inner.op(
                    linalg.matmul, inner.op(permutations.transpose, left, spelling=".T"), right
                )
                inner.ops(memory.add_into, lookup(env, s.operands[0]), product, where="")
                after += [o for o in inner.body if isinstance(o, Op)]
                continue
            body.append(s)
        new = replace(found.loop, body=replace(found.loop.body, body=tuple(body)))
        super().statement(new, env, b)
        b.body += after

    def loop(self, loop: For) -> _Loop | None:
        count = known_dim(loop.stop)
        if loop.breaks or loop.start != const(0) or loop.step != const(1):
            return None
        if count is None or not self.shapes.is_at_least_zero(count):
            return None
        makers: dict[Atom, Op] = {
            r: s for s in loop.body.body if isinstance(s, Op) for r in s.results
        }
        own = frozenset(defined_in(loop.body))
        return _Loop(loop, own, makers, writes_of(loop, self.roots), count)

    def row_of(self, atom: Atom, loop: _Loop) -> Value | None:
        """The array of which an atom is the iteration's row, if it has a row for each iteration and is not written."""
        op = loop.makers.get(atom)
        if op is None or op.decl is not memory.index or op.attrs["where"] != "i":
            return None
        base, index = op.operands
        if index is not loop.loop.index or not isinstance(base, Value) or base in loop.own:
            return None
        shape = shape_of(base.type)
        fixed = self.roots.get(base, frozenset()).isdisjoint(loop.written)
        return base if fixed and len(shape) == 2 and shape[0] == loop.count else None

    # ---- products with rows of loop-invariant arrays ----

    def product(self, op: Op, loop: _Loop) -> tuple[Value, Value] | None:
        """The matrix and the array of rows of a product that does not depend on other iterations."""
        if op.decl is not linalg.matmul or len(shape_of(op.result.type)) != 1:
            return None
        matrix, vector = (
            op.operands if len(shape_of(op.operands[0].type)) == 2 else op.operands[::-1]
        )
        rows = self.row_of(vector, loop)
        if rows is None or not isinstance(matrix, Value) or matrix in loop.own:
            return None
        if not self.roots.get(matrix, frozenset()).isdisjoint(loop.written):
            return None
        return (matrix, rows) if self.is_large(shape_of(matrix.type)) else None

    def row_of_product(
        self, op: Op, parts: tuple[Value, Value], loop: _Loop, env: Env, b: Builder
    ) -> Op:
        matrix, rows = (lookup(env, v) for v in parts)
        if op.operands[0] is parts[0]:
            matrix = b.op(permutations.transpose, matrix, spelling=".T")
        name = plural(op.result.name) if op.result.name else ""
        products = b.op(linalg.matmul, rows, matrix, name=name)
        return replace(
            op,
            decl=memory.index,
            operands=(products, loop.loop.index),
            attrs={"where": "i"},
            spelling="",
        )

    # ---- sums of outer products ----

    def update(self, op: Op, loop: _Loop) -> tuple[Value, Value] | None:
        """The vectors whose outer product an iteration adds to a matrix that the loop does not use otherwise."""
        if op.decl is not memory.add_into or op.attrs["where"]:
            return None
        target, added = op.operands
        outer = loop.makers.get(added)
        if outer is None or outer.decl is not linalg.outer or self.uses[outer.result] != 1:
            return None
        storage = self.roots.of(target)
        others = [a for s in walk(loop.loop.body) if s is not op for a in used_atoms(s)]
        others += [*loop.loop.carried, *loop.loop.body.yields]
        if target in loop.own or any(
            not storage.isdisjoint(self.roots.get(a, frozenset()))
            for a in others
            if isinstance(a, Value)
        ):
            return None
        left, right = outer.operands
        types = [a.type for a in (target, left, right)]
        if not all(isinstance(t, Array) and t.dtype == types[0].dtype for t in types):  # type: ignore[union-attr]
            return None
        large = self.is_large(shape_of(outer.result.type))
        return (
            (left, right)
            if large and isinstance(left, Value) and isinstance(right, Value)
            else None
        )

    def rows(self, vector: Value, loop: _Loop, body: list[Statement], env: Env, b: Builder) -> Atom:
        """The array of a vector's values in all iterations; if there is none, each iteration stores a row."""
        found = self.row_of(vector, loop)
        if found is not None:
            return lookup(env, found)
        if vector in loop.kept:
            return loop.kept[vector]
        assert isinstance(vector.type, Array)
        type_ = Array(vector.type.dtype, (loop.count, *vector.type.shape))
        name = plural(vector.name) if vector.name else ""
        kept = loop.kept[vector] = b.op(memory.empty_of, type=type_, name=name)
        inner = b.inner()
        inner.ops(memory.store, kept, vector, loop.loop.index, where="i")
        body += inner.body
        return kept

    def is_large(self, dims: tuple[Dim, ...]) -> bool:
        count = size_of_call(dims, self.lengths)
        return count is not None and count >= _LEAST
