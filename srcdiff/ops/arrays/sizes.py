"""Sizes of arrays: `size`, `ndim`, `item`, and arrays with one axis at least."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Dim, Scalar, Type, shape_of
from srcdiff.ir.values import Atom, Attrs
from srcdiff.ops.core.axes import of_number
from srcdiff.ops.core.registry import declare, operation
from srcdiff.ops.core.samples import draw
from srcdiff.ops.core.type_rules import numeric


def _size(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    lengths = [d for d in shape_of(operands[0].type) if d != Dim(1)]
    if len(lengths) > 1 and not all(d.is_const for d in lengths):
        return (Scalar("int64", True, shapes.fresh("i")),)
    total = Dim(1)
    for d in lengths:
        total = d.scaled(total.const)
    return (Scalar("int64", True, total),)


def _size_text(op: Op) -> str:
    return (
        "np.size({0})"
        if op.spelling == "np.size" or not shape_of(op.operands[0].type)
        else "{0}.size"
    )


def _ndim(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    return (Scalar("int64", True, Dim(len(shape_of(operands[0].type)))),)


_about: dict[str, object] = {
    "differentiable": False,
    "cost": "free",
    "signature": "x",
    "shape_of": (0,),
}
size = operation(
    "size", np.size, method="size", template=_size_text, infer=_size, simpler=of_number(1), takes_complex=True, **_about
)  # fmt: skip
ndim = operation(
    "ndim",
    np.ndim,
    method="ndim",
    template="np.ndim({0})",
    infer=_ndim,
    **_about,
    takes_complex=True,
)


def _one_item(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    source = numeric(operands[0])
    for d in shape_of(source):
        shapes.must_equal(d, Dim(1), "the one element of an array with axes of lengths")
    dtype = {"f": "float64", "c": "complex128", "i": "int64", "u": "int64", "b": "bool"}[
        source.dtype[0]
    ]
    return (Scalar(dtype, True, shapes.fresh("i") if dtype == "int64" else None),)


@declare(
    method="item",
    template="{0}.item()",
    infer=_one_item,
    linear=True,
    raises=True,
    samples=(draw((1,)), draw((1, 1))),
    takes_complex=True,
)
def item(x, *, out, d_out):
    d_x = d_out


def _at_least_vector(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    source = numeric(operands[0])
    return (Array(source.dtype, shape_of(source) or (Dim(1),)),)


def at_least_vector(x):
    if x.ndim == 0:
        result = np.array([x])
    else:
        result = x


@declare(
    np.atleast_1d,
    expansion=at_least_vector,
    infer=_at_least_vector,
    linear=True,
    view_of=0,
    cost="free",
    samples=(draw(()), draw((3,)), draw((2, 3))),
    takes_complex=True,
)
def atleast_1d(x, *, out, d_out):
    if x.ndim == 0:
        d_x = d_out[0]
    else:
        d_x = d_out
