"""A library's function where one of the user's is expected, as in `grad(np.sin)`: a function that calls it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from srcdiff.frontend.source.function_source import calling
from srcdiff.ops.core.registry import find, find_composite

__all__ = ["written_out"]


def written_out(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the operands that a known function cannot do without; what is not known is as it is."""
    composite, operation = find_composite(function), find(function)
    if composite is not None and not composite.given and composite.ndim is None:
        names = _operands(inspect.signature(composite.function))
    elif operation is not None and operation.signature:
        names = _operands(_signature(operation.signature))
    else:
        return function
    return calling(function, names) if names else function


def _operands(signature: inspect.Signature) -> tuple[str, ...]:
    """The parameters without a default; none where a function takes any number of them."""
    found = signature.parameters.values()
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in found):
        return ()
    return tuple(p.name for p in found if p.default is p.empty)


def _signature(text: str) -> inspect.Signature:
    """The signature that a declaration says: `"x, axis=None"`."""
    return inspect.signature(eval(f"lambda {text}: None"))
