"""Array allocation as instructions, with results marked as unaliased storage."""

from __future__ import annotations

from typing import Any

from llvmlite import ir as llvm
from numba.core import cgutils, types
from numba.core.cpu import CPUContext
from numba.np import arrayobj

from srcdiff.numba_ext.passes.pass_helpers import Values


def new_array(context: CPUContext, builder: llvm.IRBuilder, made: Any, lengths: Values) -> Any:
    """A new array as Numba's `_empty_nd_impl` makes it, without the two functions that Numba compiles for that."""
    index = context.get_value_type(types.intp)
    item = index(context.get_abi_sizeof(context.get_data_type(made.dtype)))
    strides, size, is_too_large = [], item, cgutils.false_bit
    for n in reversed(lengths) if made.layout == "C" else lengths:
        strides.append(size)
        product = builder.smul_with_overflow(size, n)
        size = builder.extract_value(product, 0)
        is_too_large = builder.or_(is_too_large, builder.extract_value(product, 1))
    with builder.if_then(is_too_large, likely=False):
        context.call_conv.return_user_exc(builder, ValueError, (_TOO_LARGE,))
    alignment = context.get_preferred_array_alignment(made.dtype)
    block = context.nrt.meminfo_alloc_aligned(builder, size, alignment)
    array = context.make_array(made)(context, builder)
    data = builder.bitcast(context.nrt.meminfo_data(builder, block), array.data.type)
    arrayobj.populate_array(
        array,
        data=builder.call(_renamed(builder.module, data.type), [data]),
        shape=cgutils.pack_array(builder, lengths, ty=index),
        strides=cgutils.pack_array(builder, strides[:: -1 if made.layout == "C" else 1], ty=index),
        itemsize=item,
        meminfo=block,
    )
    return array


_TOO_LARGE = (
    "array is too big; `arr.size * arr.dtype.itemsize` is larger than the maximum possible size."
)


def owned(
    context: CPUContext, builder: llvm.IRBuilder, type_: types.Array, array: llvm.Value
) -> llvm.Value:
    """The array `array`, which was just allocated, with a data pointer that LLVM takes as unaliased."""
    made = context.make_array(type_)(context, builder, array)
    made.data = builder.call(_renamed(builder.module, made.data.type), [made.data])
    return made._getvalue()


def _renamed(module: llvm.Module, address: object) -> llvm.Function:
    """A function that returns its argument and is opaque to LLVM. Its memory clobber orders it after all earlier
    writes.
    """
    kind = llvm.FunctionType(address, [address])
    name = f"srcdiff_own_{address}".replace("*", "_at").replace(" ", "")
    function = cgutils.get_or_insert_function(module, kind, name)
    if not function.blocks:
        function.linkage = "weak_odr"  # equal in all modules that are linked
        function.attributes.add("noinline")
        function.attributes.add("nounwind")
        function.return_value.add_attribute("noalias")
        builder = llvm.IRBuilder(function.append_basic_block())
        builder.ret(builder.asm(kind, "", "=r,0,~{memory}", list(function.args), True))
    return function
