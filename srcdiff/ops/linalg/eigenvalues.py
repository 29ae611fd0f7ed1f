"""Eigenvalues and eigenvectors of matrices and of stacks of matrices.

`eigh` reads one triangle of its matrix, and its derivative is in that triangle. For equal eigenvalues, the rotation of
their vectors into each other counts as zero, so that no derivative is infinite. Functions of the values, and of the
spaces that vectors of equal values span, have their gradient. Values count as equal if they differ by rounding only.
Phases of complex vectors have no derivative.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import BOOL, Array, Type, ndim_of
from srcdiff.ir.types import is_complex as is_complex_type
from srcdiff.ir.values import Atom, Attrs
from srcdiff.ops.core.registry import declare, operation
from srcdiff.ops.core.samples import Sample
from srcdiff.ops.core.type_rules import TypeRule, real_dtype
from srcdiff.ops.elementwise.complex_numbers import conjugate
from srcdiff.ops.library.linalg.matrix_checks import (
    adjoined,
    columns,
    conjugated,
    diagonal,
    diagonal_of,
    eigen_adjoint,
    inverse_gaps,
    lower_part,
    real_part,
    rows,
    symmetric_of_upper,
    symmetric_part,
    transpose_of,
    upper_part,
)
from srcdiff.ops.linalg.factorisations import named_result
from srcdiff.ops.linalg.matrix_types import IN_STACKS, again, as_float, square
from srcdiff.ops.shapes.permutations import transpose


def values_and_vectors(name: str, stacks: bool = True) -> TypeRule:
    """The type rule of eigenvalues and eigenvectors."""

    def infer(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
        a = square(shapes, operands[0], name, stacks)
        dtype = as_float(a.dtype)
        of_values = dtype if name == "eig" else real_dtype(dtype)
        return Array(of_values, a.shape[:-1]), Array(dtype, a.shape)

    return infer


def eigh_forward(a, UPLO="L", *, a_dot, out):
    values, vectors = out
    if UPLO in ("L", "l"):
        change = symmetric_part(a_dot)
    else:
        change = symmetric_of_upper(a_dot)
    middle = adjoined(vectors) @ change @ vectors
    out_dot = (real_part(diagonal_of(middle)), vectors @ (inverse_gaps(values) * middle))


def _of_lower_triangle(b: Builder, op: Op) -> tuple[Atom, ...] | None:
    """Numba's function reads the lower triangle only; the upper triangle is the lower one of the adjoint matrix."""
    a, triangle = op.operands[0], op.attrs.get("UPLO", "L")
    if triangle in ("L", "l"):
        return again(b, op, a) if "UPLO" in op.attrs else None
    *batch, row, column = range(ndim_of(a.type))
    a = b.op(transpose, a, axes=(*batch, column, row))
    return again(b, op, b.op(conjugate, a) if is_complex_type(a.type) else a)


# eigenvectors times their conjugates, because phases are not determined
_HERMITIAN = (
    "np.linalg.eigh(x)[1] * np.arange(3.0) @ np.conj(np.swapaxes(np.linalg.eigh(x)[1], -1, -2))"
)


def symmetric(*batch: int) -> Sample:
    def args(rng: np.random.Generator) -> tuple[object, ...]:
        root = rng.normal(size=(*batch, 3, 3))
        return (root + np.swapaxes(root, -1, -2) + np.diag([0.0, 4.0, 9.0]),)

    return Sample(args, complex_text=_HERMITIAN)


@declare(
    np.linalg.eigh,
    infer=values_and_vectors("eigh"),
    forward=eigh_forward,
    simpler=_of_lower_triangle,
    optional=True,
    named=named_result(np.linalg.eigh, np.eye(1)),
    samples=(
        symmetric(),
        Sample(
            symmetric().args, {"UPLO": "U"}, complex_text=_HERMITIAN.replace("(x)", "(x, UPLO='U')")
        ),
        symmetric(2),
    ),
    **IN_STACKS,
    takes_complex=True,
)
def eigh(a, UPLO="L", *, out, d_out):
    values, vectors = out
    d_values, d_vectors = d_out
    d_whole = eigen_adjoint(values, vectors, d_values, d_vectors)
    if UPLO in ("L", "l"):
        d_a = lower_part(d_whole)
    else:
        d_a = upper_part(d_whole)


def eig_forward(a, *, a_dot, out):
    values, vectors = out
    middle = np.linalg.solve(vectors, a_dot @ vectors)
    turning = inverse_gaps(values) * middle
    lengths = real_part(np.sum(conjugated(vectors) * (vectors @ turning), axis=-2))
    out_dot = (diagonal_of(middle), vectors @ turning - vectors * columns(lengths))


def _with_real_eigenvalues(*batch: int) -> Sample:
    def args(rng: np.random.Generator) -> tuple[object, ...]:
        return (rng.normal(size=(*batch, 3, 3)) * 0.3 + np.diag([-3.0, 1.0, 5.0]),)

    return Sample(args)


# V^-T (diag(d_w) + F * (V^T d_V - V^T V diag(V^T d_V))) V^T, since eigenvectors have length 1
@declare(
    infer=values_and_vectors("eig"),
    forward=eig_forward,
    optional=True,
    spelling="np.linalg.eig",
    named=named_result(np.linalg.eig, np.eye(1)),
    samples=(_with_real_eigenvalues(), _with_real_eigenvalues(2)),
    **IN_STACKS,
    takes_complex=True,
)
def real_eig(a, *, out, d_out):
    values, vectors = out
    d_values, d_vectors = d_out
    if d_vectors is None:
        middle = rows(d_values) * transpose_of(vectors)
    else:
        along = transpose_of(vectors) @ d_vectors
        lengths = columns(real_part(diagonal_of(along)))
        products = transpose_of(vectors) @ conjugated(vectors)
        turning = inverse_gaps(values) * (along - products * lengths)
        if d_values is not None:
            turning = turning + diagonal(d_values)
        middle = turning @ transpose_of(vectors)
    d_a = np.linalg.solve(transpose_of(vectors), middle)


is_complex: Any = operation(
    "is_complex",
    spelling="np.iscomplexobj",
    infer=lambda shapes, operands, attrs: (BOOL,),
    signature="x",
    differentiable=False,
    takes_complex=True,
)
