"""Helpers for adjoints that are built statement by statement (`OpDecl.build`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op
from srcdiff.ir.types import Array, Dim, shape_of
from srcdiff.ir.values import Atom, const
from srcdiff.ops.arrays import memory
from srcdiff.ops.elementwise import arithmetic


def length_of(b: Builder, dim: Dim) -> Atom:
    """A length as an operand."""
    return const(dim.const) if dim.is_const else b.op(memory.length, dim=dim)


def lengths_of_axes(b: Builder, x: Atom, shown: Collection[str]) -> list[Atom]:
    """The lengths of an array's axes as operands; the parameters determine the symbols `shown`."""
    return [
        length_of(b, d) if d.symbols() <= set(shown) else b.op(memory.axis_length, x, axis=k)
        for k, d in enumerate(shape_of(x.type))
    ]


def multiplied(b: Builder, factors: Sequence[Atom]) -> Atom:
    """The product of one or more values, from left to right."""
    product, *rest = factors
    for factor in rest:
        product = b.op(arithmetic.multiply, product, factor)
    return product


def stands_for_all(op: Op, d_out: Atom) -> bool:
    """Whether the adjoint of an array is one number, which is the adjoint of each element."""
    return isinstance(op.result.type, Array) and not shape_of(d_out.type)


def whole(b: Builder, op: Op, d_out: Atom) -> Atom:
    """The adjoint at the size of the result; the given one may be smaller and stand for its broadcast."""
    type_ = op.result.type
    if not isinstance(type_, Array):
        return d_out
    given = shape_of(d_out.type)
    full = len(given) == len(type_.shape) and all(
        a == c or a != Dim(1) for a, c in zip(given, type_.shape, strict=True)
    )
    return d_out if full else b.op(memory.expand, d_out, type=type_)
