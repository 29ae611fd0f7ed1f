"""Conversions of numbers and arrays: `float`, `int`, `bool`, `astype`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Dim, Scalar, Type, is_complex, shape_of
from srcdiff.ir.values import Atom, Attrs, Const, known_dim
from srcdiff.ops.core.registry import OPERATIONS, declare, operation
from srcdiff.ops.core.samples import draw
from srcdiff.ops.core.type_rules import (
    TypeMistake,
    TypeRule,
    broadcast_shape,
    double,
    make,
    numeric,
)
from srcdiff.ops.elementwise.arithmetic import truth_type


def _one_number(dtype: str) -> TypeRule:
    def infer(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
        source = numeric(operands[0])
        if not isinstance(source, Scalar):
            raise TypeMistake("an array is not one number; take an element, or use x.astype")
        if dtype != "int64":
            return (Scalar(dtype, True),)
        return (
            Scalar(dtype, True, known_dim(operands[0]) or _whole(operands[0]) or shapes.fresh("i")),
        )

    return infer


def _whole(atom: Atom) -> Dim | None:
    """The value of `int(x)` for a constant."""
    return Dim(int(atom.value)) if isinstance(atom, Const) and math.isfinite(atom.value) else None


@declare(
    float,
    template="float({0})",
    infer=_one_number("float64"),
    linear=True,
    sign="of operands",
    adjoint="any",
    cost="cheap",
    samples=(draw(()),),
)
def to_float(x, *, out, d_out):
    d_x = d_out


def _elements_as_float64(b: Builder, op: Op) -> tuple[Atom] | None:
    is_array = bool(shape_of(op.result.type))
    return (b.op(OPERATIONS["astype"], *op.operands, dtype="float64"),) if is_array else None


@declare(
    np.float64,
    template="np.float64({0})",
    sign="of operands",
    simpler=_elements_as_float64,
    infer=double,
    view_of=0,
    read_only=True,
    linear=True,
    adjoint="any",
    cost="cheap",
    samples=(draw(()), draw((3,))),
)
def float64(x, *, out, d_out):
    d_x = d_out


_scalar: dict[str, Any] = {"differentiable": False, "cost": "cheap", "signature": "x"}
to_int = operation(
    "to_int",
    int,
    math.trunc,
    template="int({0})",
    infer=_one_number("int64"),
    raises=True,
    **_scalar,
)
to_bool = operation(
    "to_bool", bool, template="bool({0})", infer=truth_type, **_scalar, takes_complex=True
)
floor_int = operation("floor_int", math.floor, infer=_one_number("int64"), raises=True, **_scalar)
ceil_int = operation("ceil_int", math.ceil, infer=_one_number("int64"), raises=True, **_scalar)


def _cast(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    dtype = np.dtype(attrs["dtype"]).name
    if is_complex(operands[0].type) and not dtype.startswith(("complex", "bool")):
        raise TypeMistake("astype leaves out the imaginary part; write np.real")
    return (make(dtype, broadcast_shape(shapes, operands)),)


def _cast_text(op: Op) -> str:
    name = np.dtype(op.attrs["dtype"]).name
    if op.spelling.startswith("np."):  # a call such as `np.float32(x)` on a number
        return f"{op.spelling}({{0}})"
    name = {"bool": "bool", "float64": "float", "int64": "int"}.get(  # Numba has no `complex`
        name, f"np.{name}"
    )
    return f"{{0}}.astype({name})"


# the attribute `dtype` is a dtype, a type or a name
@declare(
    method="astype", template=_cast_text, infer=_cast, linear=True, boxes=True, adjoint="any",
    samples=(draw((3,), dtype="float64"), draw((2, 0), dtype="float64")), takes_complex=True, sign="of operands",
)  # fmt: skip
def astype(x, dtype=..., *, out, d_out):
    d_x = d_out
