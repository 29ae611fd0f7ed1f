"""Rounding: step functions, whose derivative is zero."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from srcdiff.ir.core import Op, OpDecl
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Scalar, Type
from srcdiff.ir.values import Atom, Attrs
from srcdiff.ops.arrays.memory import copy
from srcdiff.ops.core.registry import operation
from srcdiff.ops.core.type_rules import (
    TypeMistake,
    arithmetic,
    boolean,
    broadcast_shape,
    floating,
    make,
    numeric,
)

if TYPE_CHECKING:
    from srcdiff.ir.build import Builder


def _step(
    name: str, *callables: object, infer: object = floating, signature: str = "x", **fields: Any
) -> OpDecl:
    return operation(
        name,
        *callables,
        infer=infer,
        elementwise=True,
        differentiable=False,
        signature=signature,
        **fields,
    )


sign = _step("sign", np.sign, infer=arithmetic, device="sign")


def _whole(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    """Integers keep their dtype from NumPy 2.1 on; older versions return floats."""
    dtype = numeric(operands[0]).dtype
    if dtype[0] in "biu":
        dtype = np.floor(np.zeros(1, dtype)).dtype.name
        return (make(dtype, broadcast_shape(shapes, operands)),)
    return floating(shapes, operands, attrs)


def _itself(b: Builder, op: Op) -> tuple[Atom] | None:
    """Integers are their own floor in loops, where Numba's functions would return floats."""
    if numeric(op.results[0]).dtype[0] not in "biu":
        return None
    x = op.operands[0]
    return (b.op(copy, x) if isinstance(x.type, Array) else x,)


floor = _step("floor", np.floor, infer=_whole, simpler=_itself, device="floor")
ceil = _step("ceil", np.ceil, infer=_whole, simpler=_itself, device="ceil")
trunc = _step("trunc", np.trunc, infer=_whole, simpler=_itself, device="trunc")
rint = _step("rint", np.rint, device="rint", takes_complex=True)
isnan = _step("isnan", np.isnan, math.isnan, infer=boolean, cost="cheap", takes_complex=True)
isinf = _step("isinf", np.isinf, math.isinf, infer=boolean, cost="cheap", takes_complex=True)
isfinite = _step(
    "isfinite", np.isfinite, math.isfinite, infer=boolean, cost="cheap", takes_complex=True
)
signbit = _step("signbit", np.signbit, infer=boolean, cost="cheap", device="signbit")


def _round_text(op: Op) -> str:
    digits = "" if not op.attrs.get("decimals") else f", {op.attrs['decimals']}"
    if op.spelling.startswith("."):
        return f"{{0}}.round({digits[2:]})"
    return (
        f"{op.spelling if op.spelling != 'np.round_' else 'np.round'}({{0}}{digits})"
        if op.spelling
        else f"np.round({{0}}{digits})"
    )


def _rounded(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    (result,) = arithmetic(shapes, operands, attrs)
    return (
        Scalar("int64", True, shapes.fresh("i")) if result == Scalar("int64", True) else result,
    )


round_ = _step(
    "round", np.round, np.around, infer=_rounded, signature="x, decimals=0", template=_round_text, takes_complex=True
)  # fmt: skip


def _round_to_int(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    source = numeric(operands[0])
    if not isinstance(source, Scalar):
        raise TypeMistake("round takes one number; np.round takes arrays")
    digits = attrs.get("ndigits")
    return (Scalar("int64", True, shapes.fresh("i")) if digits is None else source,)


def _round_scalar_text(op: Op) -> str:
    digits = op.attrs.get("ndigits")  # by position, because Numba's round() takes no keywords
    return "round({0})" if digits is None else f"round({{0}}, {digits})"


# Python's round: an int, unless digits are given
round_scalar = operation(
    "round_scalar",
    round,
    infer=_round_to_int,
    differentiable=False,
    signature="x, ndigits=None",
    template=_round_scalar_text,
    raises=True,
)
