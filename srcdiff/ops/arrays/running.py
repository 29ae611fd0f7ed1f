"""Running sums and products. The adjoint of a running product divides by nothing that may be zero."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Scalar, Type, shape_of
from srcdiff.ir.values import Atom, Attrs
from srcdiff.ops.arrays.reductions import count_type
from srcdiff.ops.core.axes import axes_of, reduced_dtype
from srcdiff.ops.core.registry import declare
from srcdiff.ops.core.samples import draw, fixed
from srcdiff.ops.core.type_rules import numeric
from srcdiff.ops.loopforms import storage


def _running(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    """The same shape, or one axis with all elements if no axis is given."""
    source = numeric(operands[0])
    shape = shape_of(source)
    axis = attrs.get("axis")
    dtype = reduced_dtype("sum", source.dtype)
    if axis is None:
        (total,) = count_type(shapes, operands, {})
        assert isinstance(total, Scalar)
        assert total.expr is not None
        return (Array(dtype, (total.expr,)),)
    axes_of(len(shape), axis)
    return (Array(dtype, shape),)


_running_samples = (
    draw((4,)),
    draw((4,), axis=0),
    draw((2, 3), axis=0),
    draw((2, 3), axis=-1),
    draw((2, 3)),
    draw((1,)),
    draw((0,)),
)


@declare(
    np.cumsum,
    method="cumsum",
    loops=storage.running("add"),
    infer=_running,
    linear=True,
    sign="of sums",
    samples=_running_samples,
    takes_complex=True,
)
def cumsum(x, axis=None, *, out, d_out):
    if x.ndim == 1:
        d_x = np.cumsum(d_out[::-1])[::-1]
    elif axis is None:
        d_x = np.reshape(np.cumsum(d_out[::-1])[::-1], x.shape)
    else:
        d_x = np.flip(np.cumsum(np.flip(d_out, axis), axis=axis), axis)


def cumprod_forward(x, axis=None, *, x_dot, out):
    if axis is None:
        row, row_dot = np.reshape(x, (-1,)), np.reshape(x_dot, (-1,))
    else:
        row, row_dot = np.moveaxis(x, axis, -1), np.moveaxis(x_dot, axis, -1)
    others = np.where(np.eye(row.shape[-1], dtype=bool), 1.0, np.expand_dims(row, -2))
    products = np.triu(np.cumprod(others, axis=-1))
    moved = np.sum(products * np.expand_dims(row_dot, -1), axis=-2)
    if axis is None:
        out_dot = moved
    else:
        out_dot = np.moveaxis(moved, -1, axis)


# row i of `products`: the running products of the others from element i on; quadratic, but correct with zeros
@declare(
    np.cumprod, method="cumprod", loops=storage.running("multiply"),
    infer=_running, forward=cumprod_forward, cost="heavy",
    samples=(*_running_samples, fixed([2.0, 0.0, 3.0, 0.0, 1.0])), takes_complex=True,
)  # fmt: skip
def cumprod(x, axis=None, *, out, d_out):
    if axis is None:
        row, d_row = np.reshape(x, (-1,)), d_out
    else:
        row, d_row = np.moveaxis(x, axis, -1), np.moveaxis(d_out, axis, -1)
    others = np.where(np.eye(row.shape[-1], dtype=bool), 1.0, np.expand_dims(row, -2))
    products = np.triu(np.cumprod(others, axis=-1))
    moved = np.sum(products * np.expand_dims(d_row, -2), axis=-1)
    if axis is None:
        d_x = np.reshape(moved, x.shape)
    else:
        d_x = np.moveaxis(moved, -1, axis)
