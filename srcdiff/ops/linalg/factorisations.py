"""Factorisations of matrices and of stacks of matrices, and determinants.

`cholesky` reads one triangle of its matrix, and its derivative is in that triangle. For equal singular values, the
rotation of their vectors into each other counts as zero (see `eigenvalues`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Scalar, Type, element_type, shape_of
from srcdiff.ir.values import Atom, Attrs
from srcdiff.ops.core.lazy_module import LazyModule
from srcdiff.ops.core.registry import declare, operation, same_length
from srcdiff.ops.core.samples import Sample, spd
from srcdiff.ops.core.type_rules import TypeMistake, make, real_dtype
from srcdiff.ops.library.linalg import unpivoted_loops
from srcdiff.ops.library.linalg.matrix_checks import (
    adjoined,
    columns,
    conjugated,
    diagonal,
    diagonal_of,
    diagonal_part,
    inverse_gaps_of_squares,
    mirrored,
    real_part,
    rows,
    symmetric_part,
    transpose_of,
)
from srcdiff.ops.linalg.matrix_types import (
    IN_STACKS,
    again,
    as_float,
    is_square_now,
    like_matrix,
    matrices,
    matrix,
    smaller,
    square,
)

linalg = LazyModule("scipy.linalg")


# ---- Cholesky --------------------------------------------------------------------------------


def cholesky_forward(a, *, a_dot, out):
    lower = np.tril(a_dot)
    change = mirrored(lower)
    if a.ndim == 2:
        half = linalg.solve_triangular(out, change, lower=True)
        middle = linalg.solve_triangular(out, adjoined(half), lower=True)
    else:
        half = np.linalg.solve(out, change)
        middle = np.linalg.solve(out, adjoined(half))
    out_dot = out @ (np.tril(middle) - 0.5 * diagonal_part(middle))


# the lower triangle of L^-T (P + P^T) L^-1 with its diagonal halved; P is such a lower triangle of L^T d_L
@declare(
    np.linalg.cholesky,
    device_form=unpivoted_loops.cholesky_in_loops,
    infer=like_matrix("cholesky"),
    forward=cholesky_forward,
    samples=(
        spd(3),
        spd(1),
        Sample(lambda rng: (np.stack([*spd(3).args(rng), *spd(3).args(rng)]),)),
    ),
    **IN_STACKS,
    takes_complex=True,
)
def cholesky(a, *, out, d_out):
    lower = np.tril(transpose_of(out) @ d_out)
    change = mirrored(lower)
    if a.ndim == 2:
        half = linalg.solve_triangular(out, change, trans="T", lower=True)
        middle = linalg.solve_triangular(out, adjoined(half), trans="T", lower=True)
    else:
        half = np.linalg.solve(transpose_of(out), change)
        middle = np.linalg.solve(transpose_of(out), adjoined(half))
    d_a = np.tril(middle) - 0.5 * diagonal_part(middle)


# ---- determinants ----------------------------------------------------------------------------


def _determinant(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    a = square(shapes, operands[0], "det")
    return (make(as_float(a.dtype), a.shape[:-2]),)


def det_forward(a, *, a_dot, out):
    if a.ndim == 2:
        out_dot = out * np.trace(np.linalg.solve(a, a_dot))
    else:
        out_dot = out * np.sum(np.linalg.inv(a) * transpose_of(a_dot), axis=(-2, -1))


@declare(
    np.linalg.det,
    device_form=unpivoted_loops.det_in_loops,
    infer=_determinant,
    forward=det_forward,
    samples=matrices,
    **IN_STACKS,
    takes_complex=True,
)
def det(a, *, out, d_out):
    if a.ndim == 2:
        d_a = d_out * out * np.linalg.inv(a).T
    else:
        d_a = np.expand_dims(d_out * out, (-2, -1)) * transpose_of(np.linalg.inv(a))


def _sign_and_log(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    (sign,) = _determinant(shapes, operands, attrs)
    return sign, make(real_dtype(element_type(sign).dtype), shape_of(sign))


def slogdet_forward(a, *, a_dot, out):
    if a.ndim == 2:
        rate = np.trace(np.linalg.solve(a, a_dot))
    else:
        rate = np.sum(np.linalg.inv(a) * transpose_of(a_dot), axis=(-2, -1))
    if a.dtype.kind == "c":
        out_dot = (1j * np.imag(rate) * out[0], np.real(rate))
    else:
        out_dot = (0.0, rate)


def named_result(function: Any, *args: Any, **kwargs: Any) -> Any:
    """The class of named tuples that a NumPy function returns."""
    return cache(lambda: type(function(*args, **kwargs)))


# two results: the sign, which has no derivative (for complex matrices it moves on the unit circle), and the logarithm
@declare(
    np.linalg.slogdet,
    device_form=unpivoted_loops.slogdet_in_loops,
    infer=_sign_and_log,
    forward=slogdet_forward,
    named=named_result(np.linalg.slogdet, np.eye(1)),
    samples=matrices,
    **IN_STACKS,
    takes_complex=True,
)
def slogdet(a, *, out, d_out):
    d_sign, d_rate = d_out
    if a.dtype.kind == "c":
        d_rate = d_rate + 1j * np.imag(d_sign * out[0])
    if a.ndim == 2:
        d_a = d_rate * np.linalg.inv(a).T
    else:
        d_a = np.expand_dims(d_rate, (-2, -1)) * transpose_of(np.linalg.inv(a))


# ---- singular values -------------------------------------------------------------------------


def _svd_type(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    a = matrix(operands[0], "svd")
    *batch, n, m = a.shape
    k, dtype = smaller(shapes, n, m), as_float(a.dtype)
    is_thin = not attrs.get("full_matrices", True) or is_square_now(shapes, n, m)
    left, right = (k, k) if is_thin else (n, m)
    return (
        Array(dtype, (*batch, n, left)),
        Array(real_dtype(dtype), (*batch, k)),
        Array(dtype, (*batch, right, m)),
    )


def _drawn(shape: Sequence[int], **attrs: object) -> Sample:
    return Sample(lambda rng: (rng.normal(size=shape),), attrs)


def svd_forward(a, full_matrices=True, *, a_dot, out):
    u, s, vh = out
    count = s.shape[-1]
    if same_length(u.shape[-1], count) and same_length(vh.shape[-2], count):
        middle = adjoined(u) @ a_dot @ adjoined(vh)
        gaps = inverse_gaps_of_squares(s)
        right = middle * columns(s)
        left = rows(s) * middle
        u_dot = u @ (gaps * (right + adjoined(right)))
        vh_dot = adjoined(gaps * (left + adjoined(left))) @ vh
        if not same_length(a.shape[-2], s.shape[-1]):
            rest = a_dot @ adjoined(vh)
            u_dot = u_dot + (rest - u @ (adjoined(u) @ rest)) / columns(s)
        if not same_length(a.shape[-1], s.shape[-1]):
            rest = adjoined(u) @ a_dot
            vh_dot = vh_dot + (rest - rest @ adjoined(vh) @ vh) / rows(s)
        if a.dtype.kind == "c":  # u takes the common rotation of phases
            u_dot = u_dot + u * columns(1j * np.imag(diagonal_of(middle)) / s)
        out_dot = (u_dot, real_part(diagonal_of(middle)), vh_dot)
    else:
        middle = adjoined(u[..., :count]) @ a_dot @ adjoined(vh[..., :count, :])
        out_dot = (None, real_part(diagonal_of(middle)), None)


@declare(
    spelling="np.linalg.svd",
    infer=_svd_type,
    forward=svd_forward,
    optional=True,
    named=named_result(np.linalg.svd, np.eye(1)),
    advice="Pass full_matrices=False: without it, some singular vectors are not unique.",
    samples=(
        _drawn((3, 3)),
        _drawn((4, 2), full_matrices=False),
        _drawn((2, 4), full_matrices=False),
        _drawn((2, 3, 3)),
        _drawn((2, 2, 4), full_matrices=False),
    ),
    **IN_STACKS,
    takes_complex=True,
)
def svd_factors(a, full_matrices=True, *, out, d_out):
    u, s, vh = out
    d_u, d_s, d_vh = d_out
    count = s.shape[-1]
    is_unique = same_length(u.shape[-1], count) and same_length(vh.shape[-2], count)
    if is_unique and d_u is None and d_vh is None:
        d_a = conjugated(u) * columns(d_s) @ conjugated(vh)
    elif is_unique:
        gaps = inverse_gaps_of_squares(s)
        middle = 0.0
        if d_s is not None:
            middle = diagonal(d_s)
        if d_u is not None:
            along = transpose_of(u) @ d_u
            middle = middle + gaps * (along - adjoined(along)) * columns(s)
            if a.dtype.kind == "c":
                middle = middle + diagonal(1j * np.imag(diagonal_of(along)) / s)
        if d_vh is not None:
            across = conjugated(vh) @ adjoined(d_vh)
            middle = middle + rows(s) * (gaps * (across - adjoined(across)))
        left, right = conjugated(u), conjugated(vh)
        d_whole = left @ middle @ right
        if d_u is not None and not same_length(a.shape[-2], s.shape[-1]):
            d_whole = d_whole + (d_u - left @ along) / columns(s) @ right
        if d_vh is not None and not same_length(a.shape[-1], s.shape[-1]):
            d_whole = d_whole + left / columns(s) @ (d_vh - adjoined(across) @ right)
        d_a = d_whole
    elif d_u is None and d_vh is None:
        u, s, vh = np.linalg.svd(a, full_matrices=False)
        d_a = conjugated(u) * columns(d_s) @ conjugated(vh)


# ---- QR --------------------------------------------------------------------------------------


def _qr_type(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    a = matrix(operands[0], "qr")
    *batch, n, m = a.shape
    k, dtype = smaller(shapes, n, m), as_float(a.dtype)
    if attrs.get("mode", "reduced") == "complete" and not shapes.same(n, k):
        raise TypeMistake("the complete QR factors of a tall matrix are not unique; use 'reduced'")
    return Array(dtype, (*batch, n, k)), Array(dtype, (*batch, k, m))


def qr_forward(a, mode="reduced", *, a_dot, out):
    q, r = out
    if same_length(r.shape[-2], r.shape[-1]):
        change, factor = a_dot, r
    else:
        change, factor = a_dot[..., : r.shape[-2]], r[..., : r.shape[-2]]
    scaled = transpose_of(np.linalg.solve(transpose_of(factor), transpose_of(change)))
    inner = adjoined(q) @ scaled
    turning = np.tril(inner, -1) - adjoined(np.tril(inner, -1))
    if a.dtype.kind == "c":  # the diagonal of r is real
        turning = turning + 1j * np.imag(diagonal_part(inner))
    q_dot = scaled - q @ (inner - turning)
    r_dot = adjoined(q) @ a_dot - turning @ r
    out_dot = (q_dot, r_dot)


def _reduced(b: Builder, op: Op) -> tuple[Atom, ...] | None:
    """If the matrix is not tall, its complete factors are the reduced ones, the only ones that Numba has."""
    return None if op.attrs.get("mode", "reduced") == "reduced" else again(b, op, *op.operands)


# (d_Q + Q S) R^-T, with the symmetric matrix S whose lower triangle is that of R d_R^T - d_Q^T Q; right of a square
# factor, R holds Q^T times columns of A
@declare(
    spelling="np.linalg.qr",
    infer=_qr_type,
    forward=qr_forward,
    simpler=_reduced,
    optional=True,
    named=named_result(np.linalg.qr, np.eye(1)),
    samples=(
        _drawn((3, 3)),
        _drawn((4, 2)),
        _drawn((2, 4)),
        _drawn((2, 4, 2)),
        _drawn((2, 2, 4)),
    ),
    **IN_STACKS,
    takes_complex=True,
)
def qr_factors(a, mode="reduced", *, out, d_out):
    q, r = out
    d_q, d_r = d_out
    across = conjugated(q)
    if same_length(r.shape[-2], r.shape[-1]):
        if d_r is None:
            inner = -transpose_of(d_q) @ q
        elif d_q is None:
            inner = r @ transpose_of(d_r)
        else:
            inner = r @ transpose_of(d_r) - transpose_of(d_q) @ q
        d_square = across @ symmetric_part(conjugated(inner))
        if d_q is not None:
            d_square = d_q + d_square
        d_a = transpose_of(np.linalg.solve(r, transpose_of(d_square)))
    elif d_r is None:
        factor = r[..., : r.shape[-2]]
        d_square = d_q - across @ symmetric_part(adjoined(d_q) @ across)
        d_left = transpose_of(np.linalg.solve(factor, transpose_of(d_square)))
        d_a = np.concatenate((d_left, np.zeros_like(a[..., r.shape[-2] :])), axis=-1)
    else:
        count = r.shape[-2]
        factor, d_factor, d_rest = r[..., :count], d_r[..., :count], d_r[..., count:]
        d_whole = conjugated(a[..., count:]) @ adjoined(d_rest)
        if d_q is not None:
            d_whole = d_q + d_whole
        inner = factor @ transpose_of(d_factor) - transpose_of(d_whole) @ q
        d_square = d_whole + across @ symmetric_part(conjugated(inner))
        d_left = transpose_of(np.linalg.solve(factor, transpose_of(d_square)))
        d_a = np.concatenate((d_left, across @ d_rest), axis=-1)


# ---- ranks -----------------------------------------------------------------------------------


def _rank_type(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    shape = shape_of(matrix(operands[0], "matrix_rank"))[:-2]
    return (Array("int64", shape) if shape else Scalar("int64", False, shapes.fresh("i")),)


matrix_rank = operation(
    "matrix_rank",
    np.linalg.matrix_rank,
    infer=_rank_type,
    signature="A, tol=None, hermitian=False",
    differentiable=False,
    samples=(_drawn((3, 2)), _drawn((2, 3, 3))),
    **IN_STACKS,
    takes_complex=True,
)
