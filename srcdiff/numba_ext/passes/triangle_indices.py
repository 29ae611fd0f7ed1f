"""Indices of a triangle of a matrix by two loops; Numba first makes a matrix of truth values.

    $p = call np.triu_indices(n, 1)       becomes       $p = call of_two(n, 1)

The functions that Numba compiles for this call take more than half a second of type inference, LLVM and machine code.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir as llvm
from numba.core import cgutils, types
from numba.core.cpu import CPUContext
from numba.core.imputils import impl_ret_new_ref
from numba.core.typing.context import Context
from numba.core.typing.templates import Signature
from numba.extending import intrinsic

from srcdiff.numba_ext.passes.allocations import new_array
from srcdiff.numba_ext.passes.pass_helpers import Intrinsic, Values, as_numba_has_it

_INDEX = llvm.IntType(64)
_MADE = types.Array(types.intp, 1, "C")


def _triangle(function: Any, is_upper: bool, arity: int) -> Any:
    """An intrinsic for `np.triu_indices` or `np.tril_indices` with `(n, k, m)` or the first of these."""

    def emit(
        context: CPUContext, builder: llvm.IRBuilder, signature: Signature, values: Values
    ) -> Any:
        n = values[0]
        k, m = values[1] if arity > 1 else _INDEX(0), values[2] if arity > 2 else n
        pair = _written(context, builder, n, lambda i: _columns(builder, is_upper, i, k, m))
        made = context.make_tuple(builder, signature.return_type, pair)
        return impl_ret_new_ref(context, builder, signature.return_type, made)

    def put(typingctx: Context, args: tuple[types.Type, ...], call: object) -> Intrinsic:
        if any(types.unliteral(t) not in (types.intp, types.int64) for t in args):
            return as_numba_has_it(typingctx, function, args, call)
        return types.UniTuple(_MADE, 2)(*args), emit

    def of_one(typingctx: Context, n: types.Integer) -> Intrinsic:
        return put(typingctx, (n,), lambda n: function(n))

    def of_two(typingctx: Context, n: types.Integer, k: types.Integer) -> Intrinsic:
        return put(typingctx, (n, k), lambda n, k: function(n, k))

    def of_three(
        typingctx: Context, n: types.Integer, k: types.Integer, m: types.Integer
    ) -> Intrinsic:
        return put(typingctx, (n, k, m), lambda n, k, m: function(n, k, m))

    return intrinsic((of_one, of_two, of_three)[arity - 1])


def _columns(
    builder: llvm.IRBuilder, is_upper: bool, i: llvm.Value, k: llvm.Value, m: llvm.Value
) -> tuple[llvm.Value, llvm.Value]:
    """The first column of row `i` of `m` columns, and the number of columns."""
    diagonal = builder.add(i, k)
    if is_upper:
        first, last = _larger(builder, diagonal, _INDEX(0)), m
    else:
        after = builder.add(diagonal, _INDEX(1))
        first, last = _INDEX(0), builder.select(builder.icmp_signed("<", after, m), after, m)
    return first, _larger(builder, builder.sub(last, first), _INDEX(0))


def _larger(builder: llvm.IRBuilder, a: llvm.Value, b: llvm.Value) -> llvm.Value:
    return builder.select(builder.icmp_signed(">", a, b), a, b)


def _written(
    context: CPUContext, builder: llvm.IRBuilder, n: llvm.Value, columns: Any
) -> tuple[llvm.Value, llvm.Value]:
    """The rows and columns of all places: counted first, row by row, then written."""
    total = cgutils.alloca_once_value(builder, _INDEX(0))
    with cgutils.for_range(builder, n) as row:
        builder.store(builder.add(builder.load(total), columns(row.index)[1]), total)
    size = builder.load(total)
    rows, places = (new_array(context, builder, _MADE, [size]) for _ in range(2))
    builder.store(_INDEX(0), total)
    with cgutils.for_range(builder, n) as row:
        first, count = columns(row.index)
        start = builder.load(total)
        with cgutils.for_range(builder, count) as loop:
            at = builder.add(start, loop.index)
            builder.store(row.index, builder.gep(rows.data, [at], inbounds=True))
            column = builder.add(first, loop.index)
            builder.store(column, builder.gep(places.data, [at], inbounds=True))
        builder.store(builder.add(start, count), total)
    return rows._getvalue(), places._getvalue()


TRIANGLES = {
    ((name, "numpy"), n): _triangle(getattr(np, name), name == "triu_indices", n)
    for name in ("triu_indices", "tril_indices")
    for n in (1, 2, 3)
}
