"""Linear algebra: products and norms. The norm of zeros has derivative 0."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from srcdiff.ir.core import Atom, Op, const
from srcdiff.ir.shapes import Shapes
from srcdiff.ir.types import Type, shape_of
from srcdiff.ops import loop_forms
from srcdiff.ops.axes import reduced_shape
from srcdiff.ops.infer import TypeMistake, make, numeric, promote, real_dtype
from srcdiff.ops.matrices import as_float, same_batch
from srcdiff.ops.registry import declare, operation
from srcdiff.ops.samples import draw, fixed

__all__ = ["dot", "euclidean_norm", "inner", "matmul", "norm", "outer"]

Attrs = Mapping[str, Any]


# ---- products --------------------------------------------------------------------------------


def _product(most_axes: int, name: str) -> Any:
    def infer(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
        a, b = (shape_of(numeric(x)) for x in operands)
        if not a or not b:
            raise TypeMistake(f"{name} takes arrays; multiply numbers with *")
        if max(len(a), len(b)) > most_axes:
            raise TypeMistake(
                f"{name} of arrays with {max(len(a), len(b))} axes is not differentiated yet; {_ADVICE[name]}"
            )
        shapes.must_equal(
            a[-1], b[-2] if len(b) > 1 else b[0], f"the axes that {name} sums over of lengths"
        )
        batch = same_batch(shapes, a[:-2], b[:-2])
        dtype, _ = promote(operands)
        return (
            make(
                dtype, (*batch, *(a[-2:-1] if len(a) > 1 else ()), *(b[-1:] if len(b) > 1 else ()))
            ),
        )

    return infer


_ADVICE = {"@": "loop over the first axis", "np.dot": "use @", "np.inner": "use @"}


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
        d_b = np.sum(np.expand_dims(d_out, -1) * a, axis=(0, 1))
    elif a.ndim == 1:
        d_a = np.sum(b * np.expand_dims(d_out, -2), axis=(0, 2))
        d_b = np.expand_dims(a, -1) * np.expand_dims(d_out, -2)
    elif b.ndim == 2:
        d_a = d_out @ b.T
        d_b = np.sum(np.swapaxes(a, -1, -2) @ d_out, axis=0)
    elif a.ndim == 2:
        d_a = np.sum(d_out @ np.swapaxes(b, -1, -2), axis=0)
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
    "matmul", np.matmul, operator.matmul, template="{0} @ {1}", infer=_product(3, "@"),
    **_multilinear,
    samples=(
        *_products, draw((2, 3, 4), (4, 2)), draw((3, 4), (2, 4, 3)), draw((2, 3, 4), (2, 4, 1)), draw((2, 3, 4), (4,)),
        draw((4,), (2, 4, 3)),
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
# of vectors
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
    element=loop_forms.products,
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
    spelling="np.linalg.norm", expansion=norm_expanded, infer=_normed, adjoint="scalar", forward=norm_forward,
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


def _euclidean_loops(n: loop_forms.LoopContext, op: Op) -> Atom:
    """The root of the sum of squares; where that overflows or loses digits, of numbers divided by the largest."""
    x = op.operands[0]
    shape, dtype = shape_of(x.type), op.result.type.dtype  # type: ignore[union-attr]
    is_narrow, is_cast = dtype == "float32", x.type.dtype != dtype  # type: ignore[union-attr]
    zero, one, infinite, least, most = (
        n.cast(const(v), dtype) if is_narrow else const(v)
        for v in (0.0, 1.0, np.inf, *((1e-30, 1e30) if is_narrow else (1e-280, 1e280)))
    )

    def number(n: loop_forms.LoopContext, at: loop_forms.At) -> Atom:
        e = n.element(x, at)
        return n.cast(e, dtype) if is_cast else e  # squares of integers may wrap around

    def square(n: loop_forms.LoopContext, at: loop_forms.At, total: loop_forms.At) -> loop_forms.At:
        e = number(n, at)
        return (n.compute("add", total[0], n.compute("multiply", e, e)),)

    (total,) = n.each(shape, (zero,), square)
    above, below = n.compute("greater", total, least), n.compute("less", total, most)
    is_out = n.compute("logical_not", n.compute("and", above, below))

    def scaled(n: loop_forms.LoopContext) -> loop_forms.At:
        def larger(
            n: loop_forms.LoopContext, at: loop_forms.At, top: loop_forms.At
        ) -> loop_forms.At:
            return (n.compute("maximum", top[0], n.compute("absolute", number(n, at))),)

        (top,) = n.each(shape, (zero,), larger)
        below = n.compute("less", top, infinite)
        is_divisor = n.compute("and", n.compute("greater", top, zero), below)
        divisor = n.compute("choose", is_divisor, top, one)

        def ratio(
            n: loop_forms.LoopContext, at: loop_forms.At, total: loop_forms.At
        ) -> loop_forms.At:
            e = n.compute("divide", number(n, at), divisor)
            return (n.compute("add", total[0], n.compute("multiply", e, e)),)

        (ratios,) = n.each(shape, (zero,), ratio)
        return (n.compute("multiply", divisor, n.compute("sqrt", ratios)),)

    return n.when(is_out, scaled, (n.compute("sqrt", total),))[0]


def euclidean_norm_forward(x, *, x_dot, out):
    out_dot = np.sum(x / np.where(out == 0.0, 1.0, out) * x_dot)


# of a vector or matrix; its squares may overflow or underflow (SciPy gives a float of Python's, whose quotients raise)
@declare(
    template="np.float64(scipy.linalg.norm({0}, check_finite=False))", infer=_normed, adjoint="scalar",
    forward=euclidean_norm_forward, loops=_euclidean_loops, cost="heavy",
    evaluate=lambda operands, attrs: np.hypot.reduce(operands[0], axis=None),
    samples=(
        draw((3,)), draw((2, 3)), fixed([0.0, 0.0], avoid="0", gradients=([0.0, 0.0],)),
        fixed([3e200, 4e200], avoid="large", gradients=([0.6, 0.8],)),
        fixed([3e-200, 4e-200], avoid="small", gradients=([0.6, 0.8],)),
    ),
)  # fmt: skip
def euclidean_norm(x, *, out, d_out):
    d_x = d_out * (x / np.where(out == 0.0, 1.0, out))
