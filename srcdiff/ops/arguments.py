"""Reading the arguments of calls: what several operations' `bind` functions share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from srcdiff.ir.core import Atom, Const, const
from srcdiff.ir.types import Scalar
from srcdiff.ops.infer import TypeMistake

__all__ = ["bind_allocation", "length_operands", "refuse", "static_dtype"]


def length_operands(shape: Any) -> tuple[Atom, ...]:
    """The lengths of a shape argument: an integer, or a tuple or list of them."""
    if isinstance(shape, Const) and isinstance(shape.value, tuple):
        return tuple(const(int(n)) for n in shape.value)
    lengths = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    for n in lengths:
        if not (isinstance(n.type, Scalar) and n.type.dtype[0] in "iu"):
            raise TypeMistake("the lengths of a shape must be integers")
    return lengths


def static_dtype(argument: Any, default: str | None = None) -> str | None:
    """The name of a dtype argument that is known when compiling."""
    value = getattr(argument, "value", argument)
    return default if value is None else np.dtype(value).name


def refuse(kwargs: Mapping[str, Any], *known_names: str) -> None:
    for name in kwargs:
        if name not in known_names:
            raise TypeMistake(f"the argument {name!r} is not supported")


def bind_allocation(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """`np.zeros(shape, dtype)`: lengths, and the dtype as an attribute."""
    refuse(kwargs, "shape", "dtype")
    dtype = static_dtype(args[1] if len(args) > 1 else kwargs.get("dtype"), "float64")
    return length_operands(args[0] if args else kwargs["shape"]), {"dtype": dtype}
