"""Diagonals and triangles of matrices: extraction, construction and addition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcdiff.ir.build import Builder
from srcdiff.ir.core import For, Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Dim, Scalar, Type, ndim_of, shape_of
from srcdiff.ir.values import Atom, Attrs, Value, const
from srcdiff.ops.arrays import memory
from srcdiff.ops.core.adjoint_builders import length_of
from srcdiff.ops.core.registry import declare, operation
from srcdiff.ops.core.samples import draw
from srcdiff.ops.core.type_rules import TypeMistake, make, nothing, numeric, same_as_first
from srcdiff.ops.elementwise import arithmetic
from srcdiff.ops.loopforms import element_maps, storage


def _diagonal_length(shapes: Shapes, shape: Sequence[Dim], k: int) -> Dim:
    n, m = (shape[0] + min(k, 0)), (shape[1] - max(k, 0))
    if n.is_const and m.is_const:
        return Dim(max(min(n.const, m.const), 0))
    return n.clamped() if shapes.same(n, m) else shapes.fresh()


def _diagonal_of(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    source = numeric(operands[0])
    shape, k = shape_of(source), attrs.get("k", attrs.get("offset", 0))
    if len(shape) == 2:
        return (Array(source.dtype, (_diagonal_length(shapes, shape, k),)),)
    if len(shape) == 1:
        return (Array(source.dtype, (shape[0] + abs(k),) * 2),)
    raise TypeMistake("a diagonal is taken of a matrix or made of a vector")


def _diag_text(op: Op) -> str:
    k = op.attrs.get("k", op.attrs.get("offset", 0))
    spelling = op.spelling or op.decl.spelling
    if spelling.startswith("."):
        return f"{{0}}{spelling}({k or ''})"
    return f"{spelling}({{0}}{f', {k}' if k else ''})"


def _add_diagonal_text(op: Op) -> str:
    k = op.attrs.get("k", op.attrs.get("offset", 0))
    picked = f", {k}" if k else ""
    part = "{0}" if not k else f"{{0}}[:, {k}:]" if k > 0 else f"{{0}}[{-k}:]"
    return f"np.fill_diagonal({part}, np.diag({{0}}{picked}) + {{1}})"


def _add_diagonal_now(operands: Sequence[Any], attrs: Attrs) -> None:
    into, amount = operands
    k = attrs.get("k", attrs.get("offset", 0))
    part = into[:, k:] if k > 0 else into[-k:] if k < 0 else into
    np.fill_diagonal(part, np.diag(into, k) + amount)


def _added_in_loop(b: Builder, op: Op) -> tuple[()] | None:
    """A loop over the elements: Numba takes half a second to compile `np.fill_diagonal`."""
    into, amount = op.operands
    k = op.attrs.get("k", op.attrs.get("offset", 0))
    if ndim_of(amount.type):
        count: Atom = b.op(memory.axis_length, amount, axis=0)
    else:
        length = _diagonal_length(b.shapes, shape_of(into.type), k)
        if not length.symbols() <= {s for d in shape_of(into.type) for s in d.symbols()}:
            return None  # whether rows or columns end it is known at run time
        count = length_of(b, length)
    i, inner = Value(Scalar("int64", expr=b.shapes.fresh(), weak=True), "i"), b.inner()
    row, column = (inner.op(arithmetic.add, i, const(s)) if s > 0 else i for s in (-k, k))
    element = inner.op(memory.index, amount, i, where="i") if ndim_of(amount.type) else amount
    inner.ops(memory.add_into, into, element, row, column, where="i, i")
    body = inner.region((i,), ())
    b.append(For(const(0), count, const(1), (), body, (), location=b.location, origin=b.origin))
    return ()


# adds to the diagonal of a matrix
add_diagonal = operation(
    "add_diagonal",
    template=_add_diagonal_text,
    simpler=_added_in_loop,
    infer=nothing,
    writes=(0,),
    evaluate=_add_diagonal_now,
    takes_complex=True,
)


@declare(
    np.diag, element=element_maps.diagonal_of, loops=storage.diagonal_stored,
    template=_diag_text, infer=_diagonal_of, linear=True, scatter=add_diagonal, view_of=0, read_only=True,
    samples=(draw((3, 3)), draw((2, 3)), draw((3, 3), k=1), draw((3, 2), k=-1), draw((3,)), draw((2,), k=-1),
    draw((1, 1))), takes_complex=True,
)  # fmt: skip
def diag(x, k=0, *, out, d_out):
    if x.ndim == 1:
        d_x = np.diag(d_out, k)


def _diagonal_only(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    if ndim_of(operands[0].type) != 2:
        raise TypeMistake("diagonal takes a matrix")
    return _diagonal_of(shapes, operands, attrs)


diagonal = operation(
    "diagonal", np.diagonal, method="diagonal", template=_diag_text, infer=_diagonal_only, linear=True,
    scatter=add_diagonal, place=element_maps.on_diagonal, loops=storage.diagonal_stored,
    view_of=0, read_only=True, cost="free", signature="x, offset=0", samples=(draw((3, 3)), draw((3, 2), offset=-1)),
    takes_complex=True,
)  # fmt: skip


def _traced(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    source = numeric(operands[0])
    if ndim_of(source) != 2:
        raise TypeMistake("trace takes a matrix")
    return (make("int64" if source.dtype[0] in "bi" else source.dtype, ()),)


def trace_expanded(x, offset=0):
    result = np.sum(np.diagonal(x, offset))


trace = operation(
    "trace", np.trace, method="trace", expansion=trace_expanded,
    infer=_traced, linear=True, sign="of sums", scatter=add_diagonal, signature="x, offset=0",
    samples=(draw((3, 3)), draw((2, 3)), draw((1, 1)), draw((3, 3), offset=1)), takes_complex=True,
)  # fmt: skip


def _triangle(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    if ndim_of(operands[0].type) < 2:
        raise TypeMistake("a triangle is taken of a matrix")
    return same_as_first(shapes, operands, attrs)


_triangle_samples = (draw((3, 3)), draw((2, 3), k=1), draw((3, 2), k=-1), draw((2, 3, 3)))


def _k_text(op: Op) -> str:
    k = op.attrs.get("k", 0)
    return f"np.{op.decl.name}({{0}}{f', {k}' if k else ''})"


@declare(
    np.triu, element=element_maps.triangle("greater_equal"), template=_k_text, infer=_triangle, linear=True,
    samples=_triangle_samples, takes_complex=True,
)  # fmt: skip
def triu(x, k=0, *, out, d_out):
    d_x = np.triu(d_out, k)


@declare(
    np.tril, element=element_maps.triangle("less_equal"), template=_k_text, infer=_triangle, linear=True,
    samples=_triangle_samples, takes_complex=True,
)  # fmt: skip
def tril(x, k=0, *, out, d_out):
    d_x = np.tril(d_out, k)
