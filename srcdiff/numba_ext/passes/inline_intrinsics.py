"""Inlining of NumPy's and Python's functions as intrinsics.

Numba compiles at least one function for each kind of product, count and choice: type inference, LLVM and machine code
take half a second for `a.T @ b`, which is a few checks and a call of BLAS. Here the calls are lowered to instructions
directly, with bit-identical results. Unsupported cases (counts of floats) stay Numba's.

    $c = a @ b                        becomes    $c = call product(a, b)
    $t = call np.arange(n, -1, -1)               $t = call counted(n, -1, -1)
    $k = call max(n, 0)                          $k = call largest(n, 0)
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from llvmlite import ir as llvm
from numba.core import cgutils, ir, types
from numba.core.compiler_machinery import register_pass
from numba.core.cpu import CPUContext
from numba.core.imputils import impl_ret_borrowed, impl_ret_new_ref, impl_ret_untracked
from numba.core.ir_utils import find_callname, get_definition, guard
from numba.core.typing.context import Context
from numba.core.typing.templates import Signature
from numba.cpython import builtins
from numba.extending import intrinsic
from numba.np import linalg

from srcdiff.numba_ext.passes.allocations import new_array
from srcdiff.numba_ext.passes.pass_helpers import (
    Intrinsic,
    Rewriting,
    Values,
    as_numba_has_it,
    put_in_the_place,
)
from srcdiff.numba_ext.passes.triangle_indices import TRIANGLES

_INDEX = llvm.IntType(64)
_LARGEST = 2**31 - 1  # the largest number that BLAS takes


@register_pass(mutates_CFG=False, analysis_only=False)
class PutInPlace(Rewriting):
    """A pass of Numba's compiler, before type inference."""

    _name = "srcdiff_put_in_place"

    def rewrite(self, state: Any) -> bool:
        found = list(_calls(state.func_ir))
        for block, statement, put in found:
            e = statement.value
            args = (e.lhs, e.rhs) if e.op == "binop" else tuple(e.args)
            put_in_the_place(block, statement, put, args)
        return bool(found)


def _calls(function: ir.FunctionIR) -> Iterator[tuple[Any, Any, Any]]:
    """The calls of functions that have an intrinsic, and the intrinsics."""
    for block in function.blocks.values():
        for s in block.find_insts(ir.Assign):
            e = s.value
            if not isinstance(e, ir.Expr):
                continue
            if e.op == "binop" and e.fn is operator.matmul:
                yield block, s, product
            elif e.op == "call" and not e.kws and not e.vararg:
                put = _PUT.get((guard(find_callname, function, e), len(e.args)))
                if put is not None:
                    yield block, s, put


@register_pass(mutates_CFG=False, analysis_only=False)
class PowersInPlace(Rewriting):
    """`x**3` with a constant exponent, for which Numba compiles a loop over any exponent. The pass runs after type
    inference.
    """

    _name = "srcdiff_powers_in_place"

    def rewrite(self, state: Any) -> bool:
        found = list(_powers(state.func_ir, state.typemap))
        for block, statement, exponent in found:
            put, base = _power(exponent), statement.value.lhs
            made = state.calltypes[statement.value].return_type
            call = put_in_the_place(block, statement, put, (base,))
            state.typingctx.refresh()  # the intrinsic is new
            kind = state.typingctx.resolve_value_type(put)
            state.typemap[call.func.name] = kind
            state.calltypes[call] = kind.get_call_type(state.typingctx, (made,), {})
        return bool(found)


def _powers(function: ir.FunctionIR, typemap: Any) -> Iterator[tuple[Any, Any, int]]:
    for block in function.blocks.values():
        for s in block.find_insts(ir.Assign):
            e = s.value
            if not (isinstance(e, ir.Expr) and e.op == "binop" and e.fn is operator.pow):
                continue
            n = guard(get_definition, function, e.rhs)
            is_plain = isinstance(n, ir.Const | ir.Global) and type(n.value) is int
            if is_plain and n.value in _EXPONENTS and isinstance(typemap[e.lhs.name], types.Float):
                yield block, s, n.value


_EXPONENTS = range(2, 65)


# -- products ------------------------------------------------------------------------------------


@intrinsic
def product(typingctx: Context, a: types.Array, b: types.Array) -> Intrinsic:
    """`a @ b`: a new array, or a number."""
    if not _are_factors(a, b):
        return as_numba_has_it(typingctx, operator.matmul, (a, b), lambda a, b: a @ b)
    ndim = a.ndim + b.ndim - 2
    made = types.Array(a.dtype, ndim, "C") if ndim else a.dtype

    def emit(context: Any, builder: Any, signature: Signature, values: Values) -> Any:
        with linalg.make_contiguous(context, builder, signature, values) as (given, values):
            factors = _Factors(context, builder, given.args, values)
            factors.check_lengths()
            if ndim:
                out = new_array(context, builder, made, factors.outer)
                factors.multiply(out.data)
                return impl_ret_new_ref(context, builder, made, out._getvalue())
            place = cgutils.alloca_once(builder, context.get_value_type(made))
            factors.multiply(place)
            return impl_ret_untracked(context, builder, made, builder.load(place))

    return made(a, b), emit


@intrinsic
def product_into(typingctx: Context, a: types.Array, b: types.Array, out: types.Array) -> Intrinsic:
    """`np.dot(a, b, out)`."""
    if not _are_factors(a, b) or not _takes(out, a, b):
        args = (a, b, out)
        return as_numba_has_it(typingctx, np.dot, args, lambda a, b, out: np.dot(a, b, out))

    def emit(
        context: CPUContext, builder: llvm.IRBuilder, signature: Signature, values: Values
    ) -> Any:
        array = context.make_array(out)(context, builder, values[2])
        of_two = out(a, b)
        with linalg.make_contiguous(context, builder, of_two, values[:2]) as (given, both):
            factors = _Factors(context, builder, given.args, both)
            factors.check_lengths(cgutils.unpack_tuple(builder, array.shape))
            factors.multiply(array.data)
        return impl_ret_borrowed(context, builder, out, values[2])

    return out(a, b, out), emit


def _are_factors(a: types.Array, b: types.Array) -> bool:
    """Whether BLAS multiplies values of these types."""
    if not (isinstance(a, types.Array) and isinstance(b, types.Array)):
        return False
    is_known = a.dtype in _KINDS and a.dtype == b.dtype and a.aligned and b.aligned
    return is_known and {a.ndim, b.ndim} <= {1, 2}


def _takes(out: types.Array, a: types.Array, b: types.Array) -> bool:
    is_array = isinstance(out, types.Array) and out.layout == "C" and out.mutable
    return is_array and (out.dtype, out.ndim) == (a.dtype, a.ndim + b.ndim - 2) and out.ndim > 0


_KINDS = (types.float32, types.float64, types.complex64, types.complex128)


class _Factors:
    """The two factors of a product: a first vector counts as a row, a second one as a column.

    Attributes
    ----------
    outer : list
        The lengths of the product.
    """

    def __init__(
        self, context: CPUContext, builder: llvm.IRBuilder, kinds: Any, values: Values
    ) -> None:
        self.context, self.builder, self.kinds = context, builder, kinds
        arrays = [context.make_array(k)(context, builder, v) for k, v in zip(kinds, values, strict=True)]  # fmt: skip
        self.data = [array.data for array in arrays]
        a, b = (cgutils.unpack_tuple(builder, array.shape) for array in arrays)
        self.rows, self.columns = a[:-1], b[1:]
        self.inner, self.inner_too = a[-1], b[0]
        self.outer = [*self.rows, *self.columns]

    def check_lengths(self, found: Any = None) -> None:
        """Raise Numba's errors for lengths that do not fit each other, or that are too large for BLAS."""
        builder = self.builder
        what = " * ".join("matrix" if k.ndim == 2 else "vector" for k in self.kinds)
        differ = builder.icmp_signed("!=", self.inner, self.inner_too)
        self.fail(differ, ValueError, f"incompatible array sizes for np.dot(a, b) ({what})")
        for n, m in zip(found or (), self.outer, strict=found is not None):
            differ = builder.icmp_signed("!=", n, m)
            text = f"incompatible output array size for np.dot(a, b, out) ({what})"
            self.fail(differ, ValueError, text)
        for n in (*self.outer, self.inner):
            is_large = builder.icmp_signed(">", n, _INDEX(_LARGEST))
            self.fail(is_large, OverflowError, "array size too large to fit in C int")

    def fail(self, condition: llvm.Value, error: type[Exception], text: str) -> None:
        with self.builder.if_then(condition, likely=False):
            self.context.call_conv.return_user_exc(self.builder, error, (text,))

    def multiply(self, out: llvm.Value) -> None:
        """Call the function that multiplies factors of these types: one for all products of a module."""
        one = _INDEX(1)
        m, n = (*self.rows, one)[0], (*self.columns, one)[0]
        place = self.builder.bitcast(out, self.data[0].type)
        self.builder.call(self.function(place.type), (m, self.inner, n, *self.data, place))

    def function(self, pointer: Any) -> llvm.Function:
        """`(m, k, n, a, b, out)` for `out[:m, :n] = a[:m, :k] @ b[:k, :n]`."""
        layouts = "_".join(f"{k.ndim}{k.layout}" for k in self.kinds)
        name = f"srcdiff_product_{self.kinds[0].dtype}_{layouts}"
        kind = llvm.FunctionType(llvm.VoidType(), [*3 * [_INDEX], *3 * [pointer]])
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        if not function.blocks:
            function.linkage = "linkonce_odr"  # equal in all modules that are linked
            function.attributes.add("noinline")
            builder = llvm.IRBuilder(function.append_basic_block())
            _write_product(self.context, builder, self.kinds, function.args)
            builder.ret_void()
        return function


def _write_product(context: CPUContext, builder: Any, kinds: Any, args: Values) -> None:
    """BLAS as Numba calls it: with matrix-vector functions for matrices of one row or column."""
    m, k, n, a, b, out = args
    left, right = (t if t.ndim == 2 else t.copy(ndim=2, layout="C") for t in kinds)
    if kinds[1].ndim == 1:  # a column is contiguous in either order
        right = right.copy(layout="F")
    made = types.Array(left.dtype, 2, "C")
    dtype = made.dtype

    def dot() -> None:
        linalg.call_xxdot(context, builder, False, dtype, k, a, b, out)

    def times_vector() -> None:
        linalg.call_xxgemv(context, builder, left.layout == "C", left, (m, k), a, b, out)

    def vector_times() -> None:
        linalg.call_xxgemv(context, builder, right.layout == "F", right, (k, n), b, a, out)

    def matrices() -> None:
        linalg.call_xxgemm(context, builder, left, (m, k), a, right, (k, n), b, made, (m, n), out)

    def of_rows(one: Callable[[], None], many: Callable[[], None]) -> Callable[[], None]:
        return _choice(builder, m, one, many) if kinds[0].ndim == 2 else one

    full = of_rows(vector_times, matrices) if kinds[1].ndim == 2 else None
    narrow = of_rows(dot, times_vector)
    if full is None:
        write = narrow
    elif kinds[0].ndim == 1:
        write = full
    else:
        write = _choice(builder, n, narrow, full)
    is_empty = builder.icmp_signed("==", builder.mul(m, builder.mul(k, n)), _INDEX(0))
    with builder.if_else(is_empty, likely=False) as (nothing, something):
        with nothing:
            size = context.get_abi_sizeof(context.get_data_type(dtype))
            cgutils.memset(builder, out, builder.mul(builder.mul(m, n), _INDEX(size)), 0)
        with something:
            write()


def _choice(
    builder: llvm.IRBuilder, n: llvm.Value, one: Callable[[], None], many: Callable[[], None]
) -> Callable[[], None]:
    def write() -> None:
        with builder.if_else(builder.icmp_signed("==", n, _INDEX(1))) as (is_one, is_many):
            with is_one:
                one()
            with is_many:
                many()

    return write


# -- counts and choices ----------------------------------------------------------------------------


@intrinsic
def counted(typingctx: Context, first: types.Type, last: types.Type, step: types.Type) -> Intrinsic:
    """`np.arange(first, last, step)` of integers."""
    if not all(t in (types.intp, types.int64) for t in map(types.unliteral, (first, last, step))):
        args = (first, last, step)
        return as_numba_has_it(typingctx, np.arange, args, lambda a, b, c: np.arange(a, b, c))
    made = types.Array(types.intp, 1, "C")

    def emit(
        context: CPUContext, builder: llvm.IRBuilder, signature: Signature, values: Values
    ) -> Any:
        start, end, by = values
        zero, one = _INDEX(0), _INDEX(1)
        with builder.if_then(builder.icmp_signed("==", by, zero), likely=False):
            text = "Maximum allowed size exceeded"
            context.call_conv.return_user_exc(builder, ValueError, (text,))
        is_up = builder.icmp_signed(">", by, zero)
        span = builder.select(is_up, builder.sub(end, start), builder.sub(start, end))
        stride = builder.select(is_up, by, builder.neg(by))
        whole = builder.add(builder.sdiv(builder.sub(span, one), stride), one)
        n = builder.select(builder.icmp_signed(">", span, zero), whole, zero)
        out = new_array(context, builder, made, [n])
        with cgutils.for_range(builder, n) as loop:
            place = builder.gep(out.data, [loop.index], inbounds=True)
            builder.store(builder.add(start, builder.mul(loop.index, by)), place)
        return impl_ret_new_ref(context, builder, made, out._getvalue())

    return made(first, last, step), emit


def _chosen(function: Any, comparison: object, call: object) -> Any:
    """An intrinsic for `max` or `min` of two numbers."""

    def choose(typingctx: Context, a: types.Type, b: types.Type) -> Intrinsic:
        made = typingctx.unify_types(a, b) if _is_number(a) and _is_number(b) else None
        if made is None:
            return as_numba_has_it(typingctx, function, (a, b), call)

        def emit(
            context: CPUContext, builder: llvm.IRBuilder, signature: Signature, values: Values
        ) -> Any:
            found = builtins.do_minmax(context, builder, (a, b), values, comparison)
            return impl_ret_untracked(context, builder, made, found)

        return made(a, b), emit

    choose.__name__ = function.__name__  # which `NeverNegative` looks for
    return intrinsic(choose)


def _is_number(type_: types.Type) -> bool:
    return isinstance(type_, types.Integer | types.Float)


largest = _chosen(max, operator.gt, lambda a, b: max(a, b))
smallest = _chosen(min, operator.lt, lambda a, b: min(a, b))


@functools.cache
def _power(exponent: int) -> Any:
    """An intrinsic for `x**exponent` of a float, by the multiplications that Numba's loop has."""

    def power(typingctx: Context, x: types.Float) -> Intrinsic:
        def emit(
            context: CPUContext, builder: llvm.IRBuilder, signature: Signature, values: Values
        ) -> Any:
            (square,), product = values, None
            for k, bit in enumerate(reversed(f"{exponent:b}")):
                square = builder.fmul(square, square) if k else square
                if bit == "1":
                    product = builder.fmul(product, square) if product else square
            return impl_ret_untracked(context, builder, x, product)

        return x(x), emit

    return intrinsic(power)


_PUT = {
    (("dot", "numpy"), 2): product,
    (("dot", "numpy"), 3): product_into,
    (("arange", "numpy"), 3): counted,
    (("max", "builtins"), 2): largest,
    (("min", "builtins"), 2): smallest,
    **TRIANGLES,
}
