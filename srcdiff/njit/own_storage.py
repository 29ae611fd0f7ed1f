"""LLVM is told that storage which a function takes itself is nobody else's, and how long its axes are.

Numba's allocations give arrays whose elements might, for all that LLVM knows, lie in any other array. It vectorises a
loop only where it can compare the bounds of all pairs in front of it, and no loop over many arrays. And it does not see
into each: it then knows no more how far apart the rows of `np.zeros_like(x)` are, where it knows that of `x`.

    $d_x = call np.zeros_like($x)             becomes      $d_x = call zeros_like($x)
    $n = call np.empty($m, np.float32)                     $new = call np.empty($m, np.float32);  $n = call own($new)

These give the same array, and its elements' address is a result that LLVM takes for new storage (`noalias`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from numba.core import cgutils, ir, types
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.imputils import impl_ret_borrowed, impl_ret_new_ref
from numba.core.ir_utils import find_callname, guard
from numba.core.typed_passes import NopythonTypeInference
from numba.core.typing.npydecl import parse_shape
from numba.core.untyped_passes import IRProcessing
from numba.extending import intrinsic
from numba.np import arrayobj

from srcdiff.njit.elements import Elements
from srcdiff.njit.never_negative import NeverNegative
from srcdiff.njit.passes import Rewriting, called, put_in_the_place
from srcdiff.njit.put_in_place import PowersInPlace, PutInPlace
from srcdiff.njit.short_ways import take_short_ways
from srcdiff.njit.storage import new_array, owned

__all__ = ["OwnStorage"]


@intrinsic
def own(typingctx: Any, array: Any) -> Any:
    """The array, which was just made, and whose elements nobody has the address of."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return impl_ret_borrowed(context, builder, array, owned(context, builder, array, *values))

    return array(array), emit


def _taking(zeros: bool, like: bool) -> Any:
    """An intrinsic for `np.empty`, `np.zeros`, and what they take from another array."""

    @intrinsic
    def take(typingctx: Any, given: Any) -> Any:
        made = _made(given, like)
        if made is None:
            return None

        def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            parse = arrayobj._parse_empty_like_args if like else arrayobj._parse_empty_args
            new = new_array(context, builder, *parse(context, builder, signature, values))
            if zeros:
                size = builder.mul(new.itemsize, new.nitems)
                cgutils.memset(builder, new.data, size, 0)
            return impl_ret_new_ref(context, builder, made, new._getvalue())

        return made(given), emit

    return take


def _made(given: Any, like: bool) -> Any:
    """The type of a new array: as long as `given` says, or as `given` is."""
    if not like:
        ndim = parse_shape(given)
        return None if ndim is None else types.Array(types.float64, ndim, "C")
    if isinstance(given, types.Number | types.Boolean):
        return types.Array(given, 0, "C")
    if not isinstance(given, types.Array):
        return None
    return given.copy(layout="C" if given.layout == "A" else given.layout, readonly=False)


class OwnStorage(CompilerBase):
    """Numba's compiler, with `own` behind allocations, and subscripts that are never negative told."""

    def define_pipelines(self) -> list[Any]:
        if self.state.func_id.modname.startswith("srcdiff_generated."):
            self.state.flags.no_cfunc_wrapper = True  # no C function is handed them
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(_OwnStorage, IRProcessing)
        passes.add_pass_after(PutInPlace, IRProcessing)
        passes.add_pass_after(PowersInPlace, NopythonTypeInference)
        passes.add_pass_after(NeverNegative, NopythonTypeInference)
        passes.add_pass_after(Elements, NeverNegative)
        take_short_ways(passes)
        passes.finalize()
        return [passes]


@register_pass(mutates_CFG=False, analysis_only=False)
class _OwnStorage(Rewriting):
    _name = "srcdiff_own_storage"

    def rewrite(self, state: Any) -> bool:
        made = list(_allocations(state.func_ir))
        for block, statement, name in made:
            _take(block, statement, name)
        return bool(made)


_TAKING = {
    f"{name}{like}": _taking(name == "zeros", bool(like))
    for name in ("empty", "zeros")
    for like in ("", "_like")
}
_OWNED = (*_TAKING, "full", "full_like", "ones", "ones_like")


def _allocations(function: Any) -> Iterator[tuple[Any, Any, str]]:
    """Where NumPy's functions that take storage are called."""
    for block in function.blocks.values():
        for s in block.find_insts(ir.Assign):
            if isinstance(s.value, ir.Expr) and s.value.op == "call":
                name, module = guard(find_callname, function, s.value) or ("", "")
                if module == "numpy" and name in _OWNED:
                    yield block, s, name


def _take(block: Any, made: Any, name: str) -> None:
    """Call ours in the place of an allocation of numbers of the usual type, or behind another one."""
    call = made.value
    if name in _TAKING and len(call.args) == 1 and not call.kws:
        put_in_the_place(block, made, _TAKING[name], tuple(call.args))
        return
    new = block.scope.redefine("$new", made.loc)
    owned_new, _ = called(own, (new,), made.target, made.loc)
    k = block.body.index(made)
    block.body[k : k + 1] = [ir.Assign(call, new, made.loc), *owned_new]
