"""Complex numbers: real and imaginary parts, conjugates, and complex numbers from real ones.

The adjoint of a complex value z = x + iy is d_x - i d_y, as in autograd: a loss changes by `real(d_z * dz)`. Products
with derivatives are therefore transposed and never conjugated, and the rule of a holomorphic function is the same as
for real numbers. The functions of this module are not holomorphic; `np.abs` is another such function. Where a complex
adjoint reaches a real value, its real part is the adjoint (`transforms/ad/adjoints/accumulate.py:in_dtype`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op, OpDecl
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Scalar, Type, shape_of
from srcdiff.ir.values import Atom, Attrs
from srcdiff.ops.core.registry import METHODS, declare
from srcdiff.ops.core.samples import draw, fixed, of_complex
from srcdiff.ops.core.type_rules import TypeMistake, make, numeric, real_dtype


def _part(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    """The type of a real or imaginary part."""
    type_ = numeric(operands[0])
    is_weak = isinstance(type_, Scalar) and type_.weak
    return (make(real_dtype(type_.dtype), shape_of(type_), is_weak),)


def _part_text(name: str) -> Callable[[Op], str]:
    """`z.real` if the user wrote it so."""
    return lambda op: f"{{0}}{op.spelling}" if op.spelling.startswith(".") else f"np.{name}({{0}})"


def _new_part_text(name: str) -> Callable[[Op], str]:
    """A part as a new array."""

    def text(op: Op) -> str:
        copied = ".copy()" if shape_of(op.result.type) else ""
        return f"np.{name}({{0}}){copied}"

    return text


def conjugate_forward(x, *, x_dot, out):
    out_dot = np.conj(x_dot)


# ---- parts: views of arrays, as in NumPy ---------------------------------------------------------


@declare(
    template=_new_part_text("real"),
    infer=_part,
    elementwise=True,
    cost="cheap",
    takes_complex=True,
    samples=of_complex(),
)
def real_parts(val, *, out, d_out):
    d_val = d_out


@declare(
    template=_new_part_text("imag"),
    infer=_part,
    elementwise=True,
    cost="cheap",
    takes_complex=True,
    samples=of_complex(),
)
def imaginary_parts(val, *, out, d_out):
    d_val = -1j * d_out


def _by_element(decl: OpDecl) -> Callable[[Builder, Op], tuple[Atom] | None]:
    """In loops, the part of each element."""

    def simpler(b: Builder, op: Op) -> tuple[Atom] | None:
        return (b.op(decl, *op.operands),) if shape_of(op.result.type) else None

    return simpler


_view: dict[str, Any] = {
    "infer": _part,
    "view_of": 0,
    "read_only": True,
    "linear": True,
    "adjoint": "any",
    "cost": "cheap",
    "takes_complex": True,
    "samples": of_complex(),
}


@declare(
    np.real, method="real", template=_part_text("real"), simpler=_by_element(real_parts), **_view
)
def real(val, *, out, d_out):
    d_val = d_out


@declare(
    np.imag,
    method="imag",
    template=_part_text("imag"),
    simpler=_by_element(imaginary_parts),
    **_view,
)
def imag(val, *, out, d_out):
    d_val = -1j * d_out


# ---- conjugates and angles ---------------------------------------------------------------------------


def _same(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    return (numeric(operands[0]),)


@declare(
    np.conjugate,
    method="conj",
    spelling="np.conj",
    infer=_same,
    elementwise=True,
    forward=conjugate_forward,
    cost="cheap",
    takes_complex=True,
    samples=of_complex(),
)
def conjugate(x, *, out, d_out):
    d_x = np.conj(d_out)


METHODS["conjugate"] = conjugate


def _angle(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    type_ = numeric(operands[0])
    return (make(real_dtype(type_.dtype), shape_of(type_)),)


@declare(
    spelling="np.angle",
    infer=_angle,
    elementwise=True,
    takes_complex=True,
    samples=of_complex(),
)
def angle(z, *, out, d_out):
    d_z = -1j * d_out / z


def _size_squared(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    return (numeric(operands[0]),)


# a square that equals |z|**2: see `transforms/rewrite/named_abs_squared.py`
@declare(
    template="{0} ** 2",
    infer=_size_squared,
    elementwise=True,
    takes_complex=True,
    samples=(
        fixed(
            [5.0, 13.0],
            [3.0 + 4.0j, 5.0 - 12.0j],
            avoid="of the second by the first",
            wrt=(0, 1),
            gradients=(0.0, [6.0 - 8.0j, 10.0 + 24.0j]),
        ),
    ),
)
def squared_size(size, z, square="power", *, out, d_out):
    d_size = 0.0
    d_z = 2.0 * d_out * np.conj(z)


def _number(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    if any(not isinstance(numeric(a), Scalar) for a in operands):
        raise TypeMistake("complex takes numbers; of arrays, write x + 1j * y")
    return (Scalar("complex128", True),)


@declare(
    template="complex({0})",
    infer=_number,
    linear=True,
    adjoint="any",
    cost="cheap",
    takes_complex=True,
    samples=(draw(()),),
)
def to_complex(x, *, out, d_out):
    d_x = d_out


@declare(
    template="complex({0}, {1})",
    infer=_number,
    linear=True,
    adjoint="any",
    cost="cheap",
    takes_complex=True,
    samples=(draw((), ()),),
)
def complex_of(x, y, *, out, d_out):
    d_x = d_out
    d_y = 1j * d_out
