"""`noalias` annotations: allocations of a function are marked as unaliased for LLVM, with the lengths of their axes.

For LLVM, the elements of a Numba allocation might lie in any other array. So LLVM vectorises a loop only after it
compares the bounds of all pairs of arrays, and never a loop over many arrays. And LLVM does not see into the allocating
function: it does not know the strides of `np.zeros_like(x)`, although it knows those of `x`.

    $d_x = call np.zeros_like($x)             becomes      $d_x = call zeros_like($x)
    $k = call np.empty($m, dtype=np.int64)                 $k = call empty_as($m, np.int64)
    $n = call np.full($m, 0.5)                             $new = call np.full($m, 0.5);  $n = call own($new)

The calls give the same array, with a data pointer that LLVM takes as new storage (`noalias`). For the first two, no
function of Numba's has to be compiled.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from llvmlite import ir as llvm
from numba.core import cgutils, ir, types
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.cpu import CPUContext
from numba.core.errors import TypingError
from numba.core.imputils import impl_ret_borrowed, impl_ret_new_ref
from numba.core.ir_utils import find_callname, get_definition, guard
from numba.core.typed_passes import NopythonTypeInference
from numba.core.typing.context import Context
from numba.core.typing.npydecl import parse_dtype, parse_shape
from numba.core.typing.templates import Signature
from numba.core.untyped_passes import IRProcessing
from numba.extending import intrinsic
from numba.np import arrayobj

from srcdiff.numba_ext.passes.allocations import new_array, owned
from srcdiff.numba_ext.passes.borrowed_args import borrow_arguments
from srcdiff.numba_ext.passes.element_access import Elements
from srcdiff.numba_ext.passes.fast_pipeline import remembering_registries, take_short_ways
from srcdiff.numba_ext.passes.inline_intrinsics import PowersInPlace, PutInPlace
from srcdiff.numba_ext.passes.pass_helpers import (
    Intrinsic,
    Rewriting,
    Values,
    called,
    put_in_the_place,
)
from srcdiff.numba_ext.passes.private_copies import library_of_its_own
from srcdiff.numba_ext.passes.unsigned_indices import NeverNegative


@intrinsic
def own(typingctx: Context, array: types.Array) -> Intrinsic:
    """The array, which was just allocated, marked as unaliased."""

    def emit(
        context: CPUContext, builder: llvm.IRBuilder, signature: Signature, values: Values
    ) -> Any:
        return impl_ret_borrowed(context, builder, array, owned(context, builder, array, *values))

    return array(array), emit


def _taking(zeros: bool, like: bool) -> Any:
    """An intrinsic for `np.empty`, `np.zeros`, and their forms that copy shape and dtype of another array."""

    @intrinsic
    def take(typingctx: Context, given: types.Type) -> Any:
        made = _made(given, like, None)
        return made and (made(given), emit)

    @intrinsic
    def take_as(typingctx: Context, given: types.Type, dtype: object) -> Any:
        made = _made(given, like, parse_dtype(dtype))
        return made and (made(given, dtype), emit)

    def emit(
        context: CPUContext, builder: llvm.IRBuilder, signature: Signature, values: Values
    ) -> Any:
        parse = arrayobj._parse_empty_like_args if like else arrayobj._parse_empty_args
        new = new_array(context, builder, *parse(context, builder, signature, values))
        if zeros:
            size = builder.mul(new.itemsize, new.nitems)
            cgutils.memset(builder, new.data, size, 0)
        return impl_ret_new_ref(context, builder, signature.return_type, new._getvalue())

    return take, take_as


def _made(given: types.Type, like: bool, dtype: types.Type | None) -> Any:
    """The type of a new array, whose shape is `given`, or the shape of the array `given`."""
    if not like:
        ndim = parse_shape(given)
        return None if ndim is None else types.Array(dtype or types.float64, ndim, "C")
    if isinstance(given, types.Optional):
        raise TypingError("an array has the shape of a name that is not bound on every path")
    if isinstance(given, types.Number | types.Boolean):
        return types.Array(dtype or given, 0, "C")
    if not isinstance(given, types.Array):
        return None
    layout = "C" if given.layout == "A" else given.layout
    return given.copy(dtype=dtype or given.dtype, layout=layout, readonly=False)


class OwnStorage(CompilerBase):
    """Numba's compiler with `own` after allocations, and with subscripts that are known to be nonnegative."""

    def compile_extra(self, function: object) -> Any:
        with remembering_registries(self.state):
            return super().compile_extra(function)

    def take_own_code(self) -> None:
        """Give the function after which the module is named, which is the cached one, a library of its own."""
        name, state = self.state.func_id.func_name, self.state
        module = state.func_id.modname.removeprefix("srcdiff_generated.")
        if state.library is None and module.rpartition("_")[0] == name:
            state.library = library_of_its_own(state.targetctx, state.func_id.func_qualname)

    def define_pipelines(self) -> list[PassManager]:
        if self.state.func_id.modname.startswith("srcdiff_generated."):
            self.state.flags.no_cfunc_wrapper = True  # no C function calls them
            self.take_own_code()
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(_OwnStorage, IRProcessing)
        passes.add_pass_after(PutInPlace, IRProcessing)
        passes.add_pass_after(PowersInPlace, NopythonTypeInference)
        passes.add_pass_after(NeverNegative, NopythonTypeInference)
        passes.add_pass_after(Elements, NeverNegative)
        take_short_ways(passes)
        borrow_arguments(passes)
        passes.finalize()
        return [passes]


@register_pass(mutates_CFG=False, analysis_only=False)
class _OwnStorage(Rewriting):
    _name = "srcdiff_own_storage"

    def rewrite(self, state: Any) -> bool:
        made = list(_allocations(state.func_ir))
        for block, statement, name in made:
            _take(state.func_ir, block, statement, name)
        return bool(made)


_TAKING = {
    f"{name}{like}": _taking(name == "zeros", bool(like))
    for name in ("empty", "zeros")
    for like in ("", "_like")
}
_OWNED = (*_TAKING, "full", "full_like", "ones", "ones_like")


def _allocations(function: ir.FunctionIR) -> Iterator[tuple[Any, Any, str]]:
    """The calls of NumPy's functions that allocate."""
    for block in function.blocks.values():
        for s in block.find_insts(ir.Assign):
            if isinstance(s.value, ir.Expr) and s.value.op == "call":
                name, module = guard(find_callname, function, s.value) or ("", "")
                if module == "numpy" and name in _OWNED:
                    yield block, s, name


def _take(function: Any, block: ir.Block, made: ir.Assign, name: str) -> None:
    """Replace an allocation by srcdiff's intrinsic, or append `own` if the call has more arguments than lengths and a
    dtype.
    """
    call = made.value
    given = _lengths_and_dtype(function, call) if name in _TAKING else ()
    if given:
        put_in_the_place(block, made, _TAKING[name][len(given) - 1], given)
        return
    new = block.scope.redefine("$new", made.loc)
    owned_new, _ = called(own, (new,), made.target, made.loc)
    k = block.body.index(made)
    block.body[k : k + 1] = [ir.Assign(call, new, made.loc), *owned_new]


def _lengths_and_dtype(function: ir.FunctionIR, call: Any) -> tuple[ir.Var, ...]:
    """The arguments of a call if they are only lengths or an array, and perhaps a dtype of NumPy's by its name."""
    named = dict(call.kws)
    given = (*call.args, *(named[k] for k in ("dtype",) if k in named))
    if not call.args or len(given) != len(call.args) + len(named) or len(given) > 2:
        return ()
    return given if len(given) == 1 or _is_scalar_type(function, given[1]) else ()


def _is_scalar_type(function: ir.FunctionIR, name: ir.Var) -> bool:
    source = guard(get_definition, function, name)
    if not isinstance(source, ir.Expr) or source.op != "getattr":
        return False
    module = guard(get_definition, function, source.value)
    is_numpy = isinstance(module, ir.Global | ir.FreeVar) and module.value is np
    found = getattr(np, source.attr, None) if is_numpy else None
    return isinstance(found, type) and issubclass(found, np.number | np.bool_)
