"""Binding of call arguments: helpers that the `bind` functions of several operations share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Scalar, Type
from srcdiff.ir.values import Atom, Attrs, Const, Value, const
from srcdiff.ops.core.type_rules import TypeMistake, UnknownMistake, same_as_first

Bound = tuple[Sequence[object], Mapping[str, object]]  # the operands and the attributes of a call


def length_operands(shape: object) -> tuple[Atom, ...]:
    """The lengths of a shape argument: an integer, or a tuple or list of them."""
    if isinstance(shape, Const) and isinstance(shape.value, tuple):
        return tuple(const(int(n)) for n in shape.value)
    lengths = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    for n in lengths:
        if not (isinstance(n.type, Scalar) and n.type.dtype[0] in "iu"):
            raise TypeMistake("the lengths of a shape must be integers")
    return lengths


def known(argument: object, what: str) -> Any:
    """The value of an argument on which the type of the result depends."""
    if isinstance(argument, Value):
        raise UnknownMistake(f"{what} must be known when compiling")
    return getattr(argument, "value", argument)


def static_dtype(argument: Any, default: str | None = None) -> str | None:
    """The name of a dtype argument, which must be known when compiling."""
    value = getattr(argument, "value", argument)
    if value is None:
        return default
    try:
        found = np.dtype(value)
    except TypeError as error:
        if isinstance(value, str):
            raise TypeMistake(str(error)) from None
        raise TypeMistake("this dtype is none of numbers; take one array for each field") from None
    if found.kind not in "fciub":
        raise TypeMistake(f"arrays of dtype {found} are not read; take arrays of numbers")
    return str(found.name)


def refuse(kwargs: Mapping[str, object], *known_names: str) -> None:
    for name in kwargs:
        if name not in known_names:
            raise TypeMistake(f"the argument {name!r} is not supported")


def bind_allocation(args: Sequence[object], kwargs: Mapping[str, object]) -> Bound:
    """`np.zeros(shape, dtype)`: lengths, and the dtype as an attribute."""
    refuse(kwargs, "shape", "dtype")
    dtype = static_dtype(args[1] if len(args) > 1 else kwargs.get("dtype"), "float64")
    return length_operands(args[0] if args else kwargs["shape"]), {"dtype": dtype}


def bind_like(*names: str) -> Callable[..., Bound]:
    """`np.zeros_like(a, dtype)`: the dtype is left out if the array already has it."""

    def bind(args: Sequence[object], kwargs: Mapping[str, object]) -> Bound:
        refuse(kwargs, *names, "dtype")
        given = dict(zip((*names, "dtype"), args, strict=False)) | dict(kwargs)
        operands = [given[name] for name in names]
        dtype = static_dtype(given.get("dtype"))
        has = getattr(getattr(operands[0], "type", None), "dtype", None)
        return operands, ({} if dtype in (None, has) else {"dtype": dtype})

    return bind


def like_first(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    """The type of the first operand, with another dtype if one is given."""
    (found,) = same_as_first(shapes, operands[:1], attrs)
    # the symbolic value of the number is not the result's
    if isinstance(found, Scalar) and found.expr is not None:
        found = replace(found, expr=None if attrs.get("dtype") else shapes.fresh("i"))
    if attrs.get("dtype") and isinstance(found, Array | Scalar):
        found = replace(found, dtype=attrs["dtype"])
    return (found,)


def like_text(name: str, *more: str) -> Callable[[Op], str]:
    """`np.zeros_like({0}, dtype=...)`."""

    def text(op: Op) -> str:
        dtype = f", dtype=np.{op.attrs['dtype']}" if op.attrs.get("dtype") else ""
        return f"np.{name}({', '.join(('{0}', *more))}{dtype})"

    return text
