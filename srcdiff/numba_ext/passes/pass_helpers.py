"""Common parts of Numba passes: they leave parallel code alone, and replace expressions by calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir as llvm
from numba.core import ir, types
from numba.core.compiler import StateDict
from numba.core.compiler_machinery import FunctionPass
from numba.core.cpu import CPUContext
from numba.core.ir_utils import build_definitions
from numba.core.typing.context import Context
from numba.core.typing.templates import Signature

# what an intrinsic gives for types: its signature, and the function that writes its instructions
Intrinsic = tuple[Signature, Callable[..., llvm.Value]]
Values = Sequence[llvm.Value]


class Rewriting(FunctionPass):
    """A pass that rewrites statements: a subclass has `rewrite`, and a `_name` for its registration."""

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: StateDict) -> bool:
        if state.flags.auto_parallel.enabled:  # that pass looks for NumPy's names
            return False
        changed = self.rewrite(state)
        if changed:
            state.func_ir._definitions = build_definitions(state.func_ir.blocks)
        return changed

    def rewrite(self, state: object) -> bool:
        """Rewrite `state.func_ir`; the result says whether anything changed."""
        raise NotImplementedError


def called(function: Any, args: tuple[ir.Var, ...], target: Any, at: Any) -> tuple[list[Any], Any]:
    """The statements of `target = function(*args)` for a function of Numba's, and the call in them."""
    named = target.scope.redefine("$put", at)
    call = ir.Expr.call(named, args, (), at)
    put = ir.Assign(ir.Global(function._name, function, at), named, at)
    return [put, ir.Assign(call, target, at)], call


def put_in_the_place(
    block: ir.Block, made: ir.Assign, function: object, args: tuple[ir.Var, ...]
) -> Any:
    """Replace the value of a statement by a call of `function`; returns the call."""
    statements, call = called(function, args, made.target, made.loc)
    k = block.body.index(made)
    block.body[k : k + 1] = statements
    return call


def as_numba_has_it(
    typingctx: Context, function: object, args: tuple[types.Type, ...], call: object
) -> Intrinsic:
    """Numba's own implementation of the call `call` of `function`."""
    found = typingctx.resolve_value_type(function).get_call_type(typingctx, args, {})

    def emit(
        context: CPUContext, builder: llvm.IRBuilder, signature: Signature, values: Values
    ) -> Any:
        return context.compile_internal(builder, call, signature, values)

    return found.return_type(*args), emit
