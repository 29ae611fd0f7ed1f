"""Type rules that many operations share: `infer(shapes, operands, attrs) -> result types`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import BOOL, Array, Dim, Scalar, Static, Type, is_numeric, shape_of
from srcdiff.ir.values import Atom, Attrs

TypeRule = Callable[[Shapes, Sequence[Atom], Attrs], tuple[Type, ...]]
Bound = tuple[Sequence[Atom], Attrs]  # the operands and attributes of a call


class TypeMistake(Exception):
    """The operation does not take these operands; the frontend adds the user's line."""


class UnknownMistake(TypeMistake):
    """Operands whose values must be known when compiling."""


class UntypedMistake(TypeMistake):
    """Operands whose types are not known precisely enough before the program runs."""

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(message)
        self.advice = advice


def promote(operands: Sequence[Atom], *dtypes: Any) -> tuple[str, bool]:
    """The dtype in which NumPy computes with `operands` and `dtypes`, and whether it is weak (Python's)."""
    types = [numeric(a) for a in operands]
    weak = not dtypes and all(isinstance(t, Scalar) and t.weak for t in types)
    if weak:
        return max(
            (t.dtype for t in types), key=("bool", "int64", "float64", "complex128").index
        ), True
    python = {"bool": False, "int64": 0, "float64": 0.0, "complex128": 0j}
    probes = [
        python[t.dtype] if isinstance(t, Scalar) and t.weak else np.dtype(t.dtype) for t in types
    ]
    return np.result_type(*probes, *dtypes).name, False


def real_dtype(dtype: str) -> str:
    """The dtype of the real and imaginary parts; a real dtype gives itself."""
    return {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)


def numeric(atom: Atom) -> Scalar | Array:
    if isinstance(atom.type, Scalar | Array):
        return atom.type
    message = f"expected a number or an array, got {describe(atom.type)}"
    if isinstance(atom.type, Static):
        raise TypeMistake(message)
    raise UntypedMistake(message, "Pass the parts of it one by one.")


def describe(type_: Type) -> str:
    if isinstance(type_, Static):
        return "None" if type_.value is None else repr(type_.value)
    return {"Struct": "a container", "List": "a list"}.get(type(type_).__name__, str(type_))


def broadcast_shape(shapes: Shapes, operands: Sequence[Atom]) -> tuple[Dim, ...]:
    return shapes.broadcast(shape_of(a.type) for a in operands)


def make(dtype: str, shape: Sequence[Dim], weak: bool = False) -> Type:
    """An array type, or a scalar type if the shape is ()."""
    return Array(dtype, tuple(shape)) if shape else Scalar(dtype, weak)


def arithmetic(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    """The promoted dtype, the broadcast shape."""
    dtype, weak = promote(operands)
    return (make(dtype, broadcast_shape(shapes, operands), weak),)


def floating(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    """As `arithmetic`, but integers become float64: `exp`, `/`. NumPy functions return NumPy scalars."""
    dtype, _ = promote(operands)
    if dtype[0] in "biu":
        dtype = "float64"
    return (make(dtype, broadcast_shape(shapes, operands)),)


def boolean(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    """Comparisons: bool, with the broadcast shape."""
    shape = broadcast_shape(shapes, operands) if all(is_numeric(a.type) for a in operands) else ()
    return (Array("bool", shape) if shape else BOOL,)


def same_as_first(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    return (operands[0].type,)


def double(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    """float64, whatever dtypes the operands have."""
    return (make("float64", broadcast_shape(shapes, operands)),)


def of_type(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    return (attrs["type"],)


def nothing(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    """Statements without a result."""
    return ()
