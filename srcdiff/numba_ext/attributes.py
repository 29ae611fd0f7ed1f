"""Decorated functions in compiled code: `f(x)`, `f.grad(x)`, `f.jvp((x,), (v,))`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numba
from llvmlite import ir as llvm
from numba.core import types
from numba.core.cpu import CPUContext
from numba.core.errors import TypingError
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    NativeValue,
    infer_getattr,
    lower_getattr_generic,
    models,
    register_model,
    unbox,
)

from srcdiff.errors import UnsupportedError
from srcdiff.handles.primal_call import without_blocks
from srcdiff.numba_ext.calls import CallableType, Calls, make_function, type_of
from srcdiff.numba_ext.types import parts_of

if TYPE_CHECKING:  # these modules import this one
    from srcdiff.handles.differentiable import Differentiable, Pushforward


class _DecoratedType(types.Callable, types.Dummy):
    """The type of a decorated function; a call calls the function itself, as Numba compiles it."""

    def __init__(self, function: Differentiable) -> None:
        self.function = function
        self.dispatcher = _dispatcher(without_blocks(function.__wrapped__))
        super().__init__(f"srcdiff({self.dispatcher}, {id(function)})")

    def get_call_type(self, context: Any, args: tuple[Any, ...], kws: Mapping[str, Any]) -> Any:
        return types.Dispatcher(self.dispatcher).get_call_type(context, args, kws)

    def get_call_signatures(self) -> tuple[list[Any], bool]:
        return self.dispatcher.nopython_signatures, True

    def get_impl_key(self, sig: Any) -> Any:
        return self.dispatcher.get_overload(sig.args)


def _dispatcher(function: object) -> Any:
    if hasattr(function, "py_func"):
        return function
    if not isinstance(function, FunctionType):
        raise UnsupportedError(
            f"{getattr(function, '__name__', 'this')} is no function that Numba compiles",
            "Call its derivatives, or a function that is written out.",
        )
    return numba.njit(function)


register_model(_DecoratedType)(models.OpaqueModel)


@unbox(_DecoratedType)
def _unbox(_: object, __: object, c: Any) -> NativeValue:
    """An argument of this type has no data: the type determines all."""
    return NativeValue(c.context.get_dummy_value())


@infer_getattr
class _Attributes(AttributeTemplate):
    key = _DecoratedType

    def resolve_grad(self, type_: Any) -> CallableType:
        return type_of(type_.function.grad)

    def resolve_value_and_grad(self, type_: Any) -> CallableType:
        return type_of(type_.function.value_and_grad)

    def resolve_hvp(self, type_: Any) -> CallableType:
        return type_of(type_.function.hvp)

    def resolve_jvp(self, type_: Any) -> Any:
        return type_of_jvp(type_.function.jvp)

    def resolve_vjp(self, type_: object) -> Any:
        raise TypingError(
            "\nvjp gives a function, which compiled code cannot take. Call value_and_grad or jvp, or vjp in Python.\n"
        )


@lower_getattr_generic(_DecoratedType)
def _attribute(context: CPUContext, *_: object) -> llvm.Value:
    return context.get_dummy_value()


def _registered() -> None:
    """Register with Numba now: Numba looks for extensions when it begins to compile, and is in the
    middle of that here.
    """
    target = numba.core.registry.cpu_target
    target.typing_context.refresh()
    target.target_context.refresh()


_registered()


class _JvpCalls(Calls):
    """`jvp(args, tangents)`: a generated function for each set of arguments that have tangents."""

    def __init__(self, pushforward: Pushforward) -> None:
        self.pushforward = pushforward
        super().__init__(pushforward.__name__, ("args", "tangents"), {})

    def implementation(self, given: tuple[Any, ...]) -> Callable[..., object]:
        values, tangents = map(parts_of, given)
        if values is None or tangents is None or len(values) != len(tangents):
            raise UnsupportedError(
                "jvp takes two tuples: the arguments, and a tangent for each of them",
                "Pass f.jvp((x, y), (x_dot, None)); None stands for zero.",
            )
        wanted = tuple(k for k, t in enumerate(tangents) if not isinstance(t, types.NoneType))
        if not wanted:
            raise UnsupportedError("jvp needs a tangent for one argument at least", "Pass one.")
        texts = [f"args[{k}]" for k in range(len(values))] + [f"tangents[{k}]" for k in wanted]
        text = f"def {self.name}(args, tangents):\n    return generated({', '.join(texts)})\n"
        generated = self.pushforward.handle_for(wanted)
        return make_function(text, self.name, generated=generated)


def type_of_decorated(function: Differentiable) -> Any:
    known = function.__dict__.get("_numba")
    if known is None:
        known = function.__dict__["_numba"] = _DecoratedType(function)
    return known


def type_of_jvp(pushforward: Pushforward) -> Any:
    """The Numba type of a function's `jvp`, one for each."""
    known = pushforward.__dict__.get("_numba")
    if known is None:
        known = pushforward.__dict__["_numba"] = CallableType(_JvpCalls(pushforward))
    return known
