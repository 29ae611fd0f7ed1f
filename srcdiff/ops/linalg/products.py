"""Products and norms of vectors and matrices. The norm of zeros has derivative 0."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.syntax.spelling import call_text
from srcdiff.ir.types import Type, element_type, shape_of
from srcdiff.ir.values import Atom, Attrs, const
from srcdiff.ops.core.axes import axes_of, reduced_shape
from srcdiff.ops.core.registry import declare, operation
from srcdiff.ops.core.samples import draw, fixed
from srcdiff.ops.core.type_rules import TypeMistake, TypeRule, make, numeric, promote, real_dtype
from srcdiff.ops.elementwise.elementary import unit_part
from srcdiff.ops.linalg.matrix_types import as_float
from srcdiff.ops.loopforms import context, element_maps

# ---- products --------------------------------------------------------------------------------


def _product(most_axes: int | None, name: str) -> TypeRule:
    def infer(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
        a, b = (shape_of(numeric(x)) for x in operands)
        if not a or not b:
            raise TypeMistake(f"{name} takes arrays; multiply numbers with *")
        if most_axes is not None and max(len(a), len(b)) > most_axes:
            raise TypeMistake(
                f"{name} of arrays with {max(len(a), len(b))} axes is not differentiated yet; {_ADVICE[name]}"
            )
        shapes.must_equal(
            a[-1], b[-2] if len(b) > 1 else b[0], f"the axes that {name} sums over of lengths"
        )
        batch = shapes.broadcast([a[:-2], b[:-2]])
        dtype, _ = promote(operands)
        return (
            make(
                dtype, (*batch, *(a[-2:-1] if len(a) > 1 else ()), *(b[-1:] if len(b) > 1 else ()))
            ),
        )

    return infer


_ADVICE = {"np.dot": "use @", "np.inner": "use @"}


_products = (
    draw((3,), (3,)), draw((2, 3), (3,)), draw((3,), (3, 2)), draw((2, 3), (3, 4)), draw((1, 3), (3, 1)), draw((2,
    0), (0, 3)),
)  # fmt: skip


def product_rule(a, b, *, out, d_out):
    if a.ndim == 1 and b.ndim == 1:
        d_a = d_out * b
        d_b = d_out * a
    elif a.ndim == 2 and b.ndim == 1:
        d_a = np.outer(d_out, b)
        d_b = a.T @ d_out
    elif a.ndim == 1 and b.ndim == 2:
        d_a = b @ d_out
        d_b = np.outer(a, d_out)
    elif a.ndim == 2 and b.ndim == 2:
        d_a = d_out @ b.T
        d_b = a.T @ d_out
    elif b.ndim == 1:
        d_a = np.expand_dims(d_out, -1) * b
        d_b = np.expand_dims(d_out, -1) * a
    elif a.ndim == 1:
        d_a = np.sum(b * np.expand_dims(d_out, -2), axis=-1)
        d_b = np.expand_dims(a, -1) * np.expand_dims(d_out, -2)
    elif b.ndim == 2:
        d_a = d_out @ b.T
        d_b = np.swapaxes(a, -1, -2) @ d_out
    elif a.ndim == 2:
        d_a = d_out @ np.swapaxes(b, -1, -2)
        d_b = a.T @ d_out
    else:
        d_a = d_out @ np.swapaxes(b, -1, -2)
        d_b = np.swapaxes(a, -1, -2) @ d_out


_multilinear: dict[str, Any] = {
    "rule": product_rule,
    "signature": "a, b",
    "multilinear": True,
    "cost": "heavy",
    "raises": True,
}
matmul = operation(
    "matmul", np.matmul, operator.matmul, template="{0} @ {1}", infer=_product(None, "@"), stacks=True,
    **_multilinear,
    samples=(
        *_products, draw((2, 3, 4), (4, 2)), draw((3, 4), (2, 4, 3)), draw((2, 3, 4), (2, 4, 1)), draw((2, 3, 4), (4,)),
        draw((4,), (2, 4, 3)), draw((2, 3, 1, 4), (3, 4, 2)), draw((2, 1, 3, 4), (2, 4, 3)), draw((2, 2, 2, 3), (3,)),
    ), takes_complex=True,
)  # fmt: skip
dot = operation(
    "dot",
    np.dot,
    method="dot",
    infer=_product(2, "np.dot"),
    samples=_products,
    **_multilinear,
    takes_complex=True,
)
# a product of vectors
inner = operation(
    "inner",
    np.inner,
    np.vdot,
    infer=_product(1, "np.inner"),
    samples=(draw((3,), (3,)),),
    **_multilinear,
    takes_complex=True,
)


def _outer_type(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    a, b = (shape_of(numeric(x)) for x in operands)
    if len(a) != 1 or len(b) != 1:
        raise TypeMistake("np.outer is differentiated for two vectors; use x[:, None] * y")
    return (make(promote(operands)[0], (*a, *b)),)


@declare(
    np.outer,
    element=element_maps.products,
    infer=_outer_type,
    multilinear=True,
    samples=(draw((2,), (3,)), draw((1,), (3,)), draw((0,), (2,))),
    takes_complex=True,
)
def outer(a, b, *, out, d_out):
    d_a = d_out @ b
    d_b = a @ d_out


# ---- norms -----------------------------------------------------------------------------------


def _normed(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    source = numeric(operands[0])
    shape, order, axis = shape_of(source), attrs.get("ord"), attrs.get("axis")
    is_vector = isinstance(axis, int) or (axis is None and len(shape) == 1)
    if not (order is None or (order == 2 and is_vector) or (order == "fro" and not is_vector)):
        raise TypeMistake(f"there is no norm of order {order!r} of an array with {len(shape)} axes")
    return (make(real_dtype(as_float(source.dtype)), reduced_shape(shape, attrs)),)


def norm_forward(x, ord=None, axis=None, keepdims=False, *, x_dot, out):
    if x.dtype.kind == "c":
        x = np.conj(x)
    out_dot = np.sum(x * x_dot, axis=axis, keepdims=keepdims) / np.where(out == 0.0, 1.0, out)


def norm_expanded(x, ord=None, axis=None, keepdims=False):
    square = np.real(x) ** 2 + np.imag(x) ** 2 if x.dtype.kind == "c" else x * x
    result = np.sqrt(np.sum(square, axis=axis, keepdims=keepdims))


@declare(
    spelling="np.linalg.norm", expansion=norm_expanded, infer=_normed, sign="at least 0", adjoint="scalar",
    forward=norm_forward,
    samples=(
        draw((3,)), draw((2, 3)), draw((2, 3), axis=0), draw((2, 3), axis=1), draw((2, 3), axis=1, keepdims=True),
        draw((3,), ord=2),
        draw((2, 3), ord="fro"), draw((2, 3, 2), axis=(0, 2)), fixed([0.0, 0.0], avoid="0", gradients=([0.0, 0.0],)),
    ), takes_complex=True,
)  # fmt: skip
def norm(x, ord=None, axis=None, keepdims=False, *, out, d_out):
    if x.dtype.kind == "c":
        x = np.conj(x)
    d_square = d_out / np.where(out == 0.0, 1.0, out)
    if axis is None or axis == 0 or keepdims or out.ndim == 0:
        d_x = d_square * x
    else:
        d_x = np.expand_dims(d_square, axis) * x


# sums of squares from 1 / most to most lose no digits; a power of 2 brings other elements into that range
_RANGES: dict[str, tuple[float, float]] = {
    "float32": (1e30, 2.0**100), "float64": (1e280, 2.0**600),
}  # fmt: skip
_FEW = 8


def _root_at(n: context.LoopContext, op: Op, at: context.At) -> Atom:
    """The root of a sum of squares. If the sum overflows or loses digits, the elements are scaled by a power of 2.

    A sum of few squares is computed twice without a test, because LLVM vectorises such code over rows.
    """
    squares, x = op.operands
    shape, dtype = shape_of(x.type), element_type(op.result.type).dtype
    summed = axes_of(len(shape), op.attrs.get("axis"))
    kept = [i for k, i in enumerate(at) if not (op.attrs.get("keepdims") and k in summed)]
    along = [shape[k] for k in summed]
    most, power = _RANGES[dtype]

    def number(value: float) -> Atom:
        return n.cast(const(value), dtype)

    total = n.element(squares, at)
    is_small = n.compute("less", total, number(1 / most))
    is_large = n.compute("greater", total, number(most))

    def either(of_small: float, of_large: float, otherwise: float) -> Atom:
        large = n.compute("choose", is_large, number(of_large), number(otherwise))
        return n.compute("choose", is_small, number(of_small), large)

    factor, inverse = either(power, 1 / power, 1.0), either(1 / power, power, 1.0)

    def square(n: context.LoopContext, inside: context.At, carried: context.At) -> context.At:
        reduced, rest = iter(inside), iter(kept)
        place = [next(reduced if k in summed else rest) for k in range(len(shape))]
        scaled = n.compute("multiply", n.element(x, place), factor)
        return (n.compute("add", carried[0], n.compute("square", scaled)),)

    def again(n: context.LoopContext) -> context.At:
        (found,) = n.each(along, (number(0.0),), square)
        return (n.compute("multiply", n.compute("sqrt", found), inverse),)

    if all(d.is_const for d in along) and math.prod(d.const for d in along) <= _FEW:
        return again(n)[0]
    is_far = n.compute("or", is_small, is_large)
    return n.when(is_far, again, (n.compute("sqrt", total),))[0]


def _same(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    return (operands[0].type,)


# in the loop form only
root_of_squares: Any = operation(
    "root_of_squares", infer=_same, differentiable=False, signature="squares, x, axis=None, keepdims=False",
    cost="heavy", element=_root_at, loops=lambda n, op: None if shape_of(op.result.type) else _root_at(n, op, ()),
    evaluate=lambda operands, attrs: np.hypot.reduce(operands[1], **{"axis": None, **attrs}),
)  # fmt: skip


def euclidean_norm_expanded(x, axis=None, keepdims=False):
    if x.dtype.kind in "iub":
        x = x.astype(np.float64)
    squares = np.sum(x * x, axis=axis, keepdims=keepdims)
    result = root_of_squares(squares, x, axis=axis, keepdims=keepdims)


def euclidean_norm_forward(x, axis=None, keepdims=False, *, x_dot, out):
    length = np.where(out == 0.0, 1.0, out)
    if out.ndim > 0 and not keepdims:
        length = np.expand_dims(length, axis)
    out_dot = np.sum(unit_part(x, length) * x_dot, axis=axis, keepdims=keepdims)


def _euclidean_text(op: Op) -> str:
    if op.attrs.get("axis") is not None or op.attrs.get("keepdims"):
        return call_text(replace(op, spelling="np.hypot.reduce"))
    numbers = "{0}" if len(shape_of(op.operands[0].type)) == 1 else "np.ravel({0})"
    dtype = element_type(op.result.type).dtype
    return f"np.{dtype}(scipy.linalg.norm({numbers}, check_finite=False))"


# squares may overflow or underflow (SciPy returns a Python float, whose quotients raise)
@declare(
    template=_euclidean_text, infer=_normed, adjoint="scalar", forward=euclidean_norm_forward,
    expansion=euclidean_norm_expanded, cost="heavy",
    evaluate=lambda operands, attrs: np.hypot.reduce(operands[0], **{"axis": None, **attrs}),
    samples=(
        draw((3,)), draw((2, 3)), draw((2, 3), axis=0), draw((2, 3), axis=1, keepdims=True),
        draw((2, 3, 2), axis=(0, 2)),
        fixed([0.0, 0.0], avoid="0", gradients=([0.0, 0.0],)),
        fixed([3e200, 4e200], avoid="large", gradients=([0.6, 0.8],)),
        fixed([3e-200, 4e-200], avoid="small", gradients=([0.6, 0.8],)),
        fixed([[3e-200, 3e200], [4e-200, 4e200]], axis=0, avoid="far", gradients=([[0.6, 0.6], [0.8, 0.8]],)),
    ),
)  # fmt: skip
def euclidean_norm(x, axis=None, keepdims=False, *, out, d_out):
    length = np.where(out == 0.0, 1.0, out)
    if axis is not None and axis != 0 and not keepdims and out.ndim > 0:
        length = np.expand_dims(length, axis)
        if d_out.ndim > 0:
            d_out = np.expand_dims(d_out, axis)
    d_x = unit_part(d_out * x, length)
