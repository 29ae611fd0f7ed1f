"""Linear algebra: products, systems, factorisations, determinants, norms.

`cholesky` reads the lower triangle of its matrix, and that is where its derivative is. The norm of zeros has
derivative 0.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from srcdiff.ir.core import Atom
from srcdiff.ir.shapes import Shapes
from srcdiff.ir.types import Array, Dim, Scalar, Type, shape_of
from srcdiff.ops import loop_forms, loop_storage
from srcdiff.ops.axes import reduced_shape
from srcdiff.ops.infer import TypeMistake, make, numeric, promote
from srcdiff.ops.lazy import LazyModule
from srcdiff.ops.registry import declare, operation
from srcdiff.ops.samples import Sample, draw, fixed, spd

__all__ = [
    "cholesky",
    "det",
    "dot",
    "inner",
    "inv",
    "matmul",
    "norm",
    "outer",
    "slogdet",
    "solve",
    "solve_triangular",
]

linalg: Any = LazyModule("scipy.linalg")

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
        batch = _same_batch(shapes, a[:-2], b[:-2])
        dtype, _ = promote(operands)
        return (
            make(
                dtype, (*batch, *(a[-2:-1] if len(a) > 1 else ()), *(b[-1:] if len(b) > 1 else ()))
            ),
        )

    return infer


_ADVICE = {"@": "loop over the first axis", "np.dot": "use @", "np.inner": "use @"}


def _same_batch(shapes: Shapes, a: Sequence[Dim], b: Sequence[Dim]) -> tuple[Dim, ...]:
    if a and b:
        if any(not shapes.same(x, y) and Dim(1) in (x, y) for x, y in zip(a, b, strict=True)):
            raise TypeMistake(
                "@ of stacks of matrices with lengths 1 and n is not differentiated yet; use one matrix for all"
            )
        return tuple(
            shapes.must_equal(x, y, "the stacks of lengths") for x, y in zip(a, b, strict=True)
        )
    return tuple(a or b)


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
    "matmul", np.matmul, operator.matmul, operator.imatmul, template="{0} @ {1}", infer=_product(3, "@"),
    **_multilinear,
    samples=(
        *_products, draw((2, 3, 4), (4, 2)), draw((3, 4), (2, 4, 3)), draw((2, 3, 4), (2, 4, 1)), draw((2, 3, 4), (4,)),
        draw((4,), (2, 4, 3)),
    ),
)  # fmt: skip
dot = operation(
    "dot", np.dot, method="dot", infer=_product(2, "np.dot"), samples=_products, **_multilinear
)
# of vectors
inner = operation(
    "inner",
    np.inner,
    np.vdot,
    infer=_product(1, "np.inner"),
    samples=(draw((3,), (3,)),),
    **_multilinear,
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
)
def outer(a, b, *, out, d_out):
    d_a = d_out @ b
    d_b = a @ d_out


# ---- systems ---------------------------------------------------------------------------------


def square(shapes: Shapes, atom: Atom, name: str) -> Array:
    """The type of an operand that must be a square matrix."""
    type_ = numeric(atom)
    if not isinstance(type_, Array) or type_.ndim != 2:
        raise TypeMistake(
            f"{name} is differentiated for one matrix, not for {len(shape_of(type_))} axes"
        )
    rows, columns = type_.shape
    shapes.must_equal(rows, columns, f"{name} takes a square matrix; its axes of lengths")
    return type_


def _float(dtype: str) -> str:
    return "float64" if dtype[0] in "biu" else dtype


def _solved(name: str) -> Any:
    def infer(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
        a, b = square(shapes, operands[0], name), shape_of(numeric(operands[1]))
        if len(b) not in (1, 2):
            raise TypeMistake(f"the right-hand side of {name} must be a vector or a matrix")
        shapes.must_equal(a.shape[0], b[0], f"the rows of {name} of lengths")
        return (make(_float(promote(operands)[0]), b),)

    return infer


def _regular(rng: np.random.Generator, n: int = 3) -> Any:
    return rng.normal(size=(n, n)) + 2 * n * np.eye(n)


_heavy: dict[str, Any] = {"cost": "heavy", "raises": True}
_systems = (
    Sample(lambda rng: (_regular(rng), rng.normal(size=3)), wrt=(0, 1)),
    Sample(lambda rng: (_regular(rng), rng.normal(size=(3, 2))), wrt=(0, 1)),
    Sample(lambda rng: (_regular(rng, 1), rng.normal(size=1)), wrt=(0, 1)),
)


def solve_forward(a, b, *, a_dot, b_dot, out):
    if a_dot is None:
        out_dot = np.linalg.solve(a, b_dot)
    elif b_dot is None:
        out_dot = -np.linalg.solve(a, a_dot @ out)
    else:
        out_dot = np.linalg.solve(a, b_dot - a_dot @ out)


@declare(np.linalg.solve, infer=_solved("solve"), forward=solve_forward, samples=_systems, **_heavy)
def solve(a, b, *, out, d_out):
    d_b = np.linalg.solve(a.T, d_out)
    if b.ndim == 1:
        d_a = -np.outer(d_b, out)
    else:
        d_a = -d_b @ out.T


def _triangular(rng: np.random.Generator, lower: bool) -> Any:
    full = rng.normal(size=(3, 3)) + 4 * np.eye(3)
    return np.tril(full) if lower else np.triu(full)


def solve_triangular_forward(a, b, trans=0, lower=False, *, a_dot, b_dot, out):
    if a_dot is None:
        change = b_dot
    else:
        if lower:
            triangle = np.tril(a_dot)
        else:
            triangle = np.triu(a_dot)
        if trans == 0 or trans == "N":
            turned = triangle @ out
        else:
            turned = triangle.T @ out
        if b_dot is None:
            change = -turned
        else:
            change = b_dot - turned
    out_dot = linalg.solve_triangular(a, change, trans=trans, lower=lower)


def _triangular_system(lower: bool, trans: Any, shape: tuple[int, ...]) -> Sample:
    attrs = {"lower": lower} | ({"trans": trans} if trans else {})
    return Sample(lambda rng: (_triangular(rng, lower), rng.normal(size=shape)), attrs, wrt=(0, 1))


_triangular_systems = tuple(
    _triangular_system(lower, trans, shape)
    for lower in (True, False)
    for trans in (0, "T")
    for shape in ((3,), (3, 2))
)


@declare(
    "scipy.linalg.solve_triangular", loops=loop_storage.substituted,
    infer=_solved("solve_triangular"), forward=solve_triangular_forward,
    samples=_triangular_systems, **_heavy,
)  # fmt: skip
def solve_triangular(a, b, trans=0, lower=False, *, out, d_out):
    if trans == 0 or trans == "N":
        d_b = linalg.solve_triangular(a, d_out, trans="T", lower=lower)
        left, right = d_b, out
    else:
        d_b = linalg.solve_triangular(a, d_out, lower=lower)
        left, right = out, d_b
    if b.ndim == 1:
        product = np.outer(left, right)
    else:
        product = left @ right.T
    if lower:
        d_a = -np.tril(product)
    else:
        d_a = -np.triu(product)


# ---- inverses, factors, determinants ---------------------------------------------------------


def _like_matrix(name: str) -> Any:
    def infer(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
        a = square(shapes, operands[0], name)
        return (Array(_float(a.dtype), a.shape),)

    return infer


_matrices = (Sample(lambda rng: (_regular(rng),)), Sample(lambda rng: (_regular(rng, 1),)))


def inv_forward(a, *, a_dot, out):
    out_dot = -out @ a_dot @ out


@declare(np.linalg.inv, infer=_like_matrix("inv"), forward=inv_forward, samples=_matrices, **_heavy)
def inv(a, *, out, d_out):
    d_a = -out.T @ d_out @ out.T


def cholesky_forward(a, *, a_dot, out):
    lower = np.tril(a_dot)
    half = linalg.solve_triangular(out, lower + np.tril(lower, -1).T, lower=True)
    middle = linalg.solve_triangular(out, half.T, lower=True)
    out_dot = out @ (np.tril(middle) - 0.5 * np.diag(np.diag(middle)))


# of L^-T (P + P^T) L^-1 the lower triangle, its diagonal halved, where P is the same of L^T d_L
@declare(
    np.linalg.cholesky,
    infer=_like_matrix("cholesky"),
    forward=cholesky_forward,
    samples=(spd(3), spd(1)),
    **_heavy,
)
def cholesky(a, *, out, d_out):
    lower = np.tril(out.T @ d_out)
    half = linalg.solve_triangular(out, lower + np.tril(lower, -1).T, trans="T", lower=True)
    middle = linalg.solve_triangular(out, half.T, trans="T", lower=True)
    d_a = np.tril(middle) - 0.5 * np.diag(np.diag(middle))


def _determinant(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    return (Scalar(_float(square(shapes, operands[0], "det").dtype), False),)


def det_forward(a, *, a_dot, out):
    out_dot = out * np.trace(np.linalg.solve(a, a_dot))


@declare(np.linalg.det, infer=_determinant, forward=det_forward, samples=_matrices, **_heavy)
def det(a, *, out, d_out):
    d_a = d_out * out * np.linalg.inv(a).T


def _sign_and_log(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    return _determinant(shapes, operands, attrs) * 2


def slogdet_forward(a, *, a_dot, out):
    out_dot = (0.0, np.trace(np.linalg.solve(a, a_dot)))


# two results: the sign, which has no derivative, and the logarithm
@declare(
    np.linalg.slogdet, infer=_sign_and_log, forward=slogdet_forward, samples=_matrices, **_heavy
)
def slogdet(a, *, out, d_out):
    _, d_logdet = d_out
    d_a = d_logdet * np.linalg.inv(a).T


def _normed(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    source = numeric(operands[0])
    shape, order, axis = shape_of(source), attrs.get("ord"), attrs.get("axis")
    is_vector = isinstance(axis, int) or (axis is None and len(shape) == 1)
    if not (order is None or (order == 2 and is_vector) or (order == "fro" and not is_vector)):
        raise TypeMistake(
            "only the 2-norm of vectors and the Frobenius norm of matrices are differentiated; write out the other one"
        )
    return (make(_float(source.dtype), reduced_shape(shape, attrs)),)


def norm_forward(x, ord=None, axis=None, keepdims=False, *, x_dot, out):
    out_dot = np.sum(x * x_dot, axis=axis, keepdims=keepdims) / np.where(out == 0.0, 1.0, out)


def norm_expanded(x, ord=None, axis=None, keepdims=False):
    result = np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))


@declare(
    np.linalg.norm, "scipy.linalg.norm", expansion=norm_expanded, infer=_normed, adjoint="scalar", forward=norm_forward,
    samples=(
        draw((3,)), draw((2, 3)), draw((2, 3), axis=0), draw((2, 3), axis=1), draw((2, 3), axis=1, keepdims=True),
        draw((3,), ord=2),
        draw((2, 3), ord="fro"), draw((2, 3, 2), axis=(0, 2)), fixed([0.0, 0.0], avoid="0", gradients=([0.0, 0.0],)),
    ),
)  # fmt: skip
def norm(x, ord=None, axis=None, keepdims=False, *, out, d_out):
    d_square = d_out / np.where(out == 0.0, 1.0, out)
    if axis is None or axis == 0 or keepdims or out.ndim == 0:
        d_x = d_square * x
    else:
        d_x = np.expand_dims(d_square, axis) * x
