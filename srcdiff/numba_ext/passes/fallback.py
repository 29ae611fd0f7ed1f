"""The fallback of intrinsics for types that they do not support: Numba's own implementation of the call."""

from __future__ import annotations

from typing import Any


def as_numba_has_it(typingctx: Any, function: Any, args: tuple[Any, ...], call: Any) -> Any:
    """Numba's own implementation of the call `call` of `function`."""
    found = typingctx.resolve_value_type(function).get_call_type(typingctx, args, {})

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return context.compile_internal(builder, call, signature, values)

    return found.return_type(*args), emit
