"""Helpers for matrices in rules and composites; for stacks, the last two axes are the matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.ops.core.registry import evaluated


def transpose_of(a):
    if a.ndim == 2:
        return a.T
    return np.swapaxes(a, -1, -2)


def conjugated(a):
    """The complex conjugate; real numbers are returned as they are."""
    if a.dtype.kind == "c":
        return np.conj(a)
    return a


def adjoined(a):
    """The adjoint matrix: the transpose, conjugated for complex numbers."""
    return conjugated(transpose_of(a))


def real_part(a):
    """The real part, for numbers that must be real, such as the diagonal of a Hermitian matrix."""
    if a.dtype.kind == "c":
        return np.real(a)
    return a


def columns(v):
    """A vector that scales the columns of a matrix."""
    if v.ndim == 1:
        return v
    return np.expand_dims(v, -2)


def rows(v):
    """A vector that scales the rows of a matrix."""
    return np.expand_dims(v, -1)


def diagonal(v):
    if v.ndim == 1:
        return np.diag(v)
    return rows(v) * np.eye(v.shape[-1])


def diagonal_of(a):
    if a.ndim == 2:
        return np.diag(a)
    return np.sum(a * np.eye(a.shape[-1]), axis=-1)


def diagonal_part(a):
    """A matrix without its entries off the diagonal."""
    if a.ndim == 2:
        return np.diag(np.diag(a))
    return a * np.eye(a.shape[-1])


def lower_part(a):
    """The derivative with respect to a symmetric or Hermitian matrix of which only the lower triangle is read."""
    if a.dtype.kind == "c":
        return np.tril(a + adjoined(a), -1) + real_part(diagonal_part(a))
    return np.tril(a) + np.tril(transpose_of(a), -1)


def symmetric_part(a):
    """The symmetric matrix with the same lower triangle; for complex numbers the Hermitian one."""
    if a.dtype.kind == "c":
        return mirrored(np.tril(a))
    return np.tril(a) + transpose_of(np.tril(a, -1))


def mirrored(lower):
    """The symmetric or Hermitian matrix with this lower triangle."""
    if lower.dtype.kind == "c":
        below = np.tril(lower, -1)
        return below + adjoined(below) + real_part(diagonal_part(lower))
    return lower + transpose_of(np.tril(lower, -1))


def symmetric_of_upper(a):
    """The symmetric or Hermitian matrix with the same upper triangle."""
    if a.dtype.kind == "c":
        above = np.triu(a, 1)
        return above + adjoined(above) + real_part(diagonal_part(a))
    return np.triu(a) + transpose_of(np.triu(a, 1))


def upper_part(a):
    if a.dtype.kind == "c":
        return np.triu(a + adjoined(a), 1) + real_part(diagonal_part(a))
    return np.triu(a) + np.triu(transpose_of(a), 1)


def inverse_gaps(values):
    """1 / (w[j] - w[i]) at [i, j], and 0 where the two are equal up to rounding."""
    gaps = columns(values) - rows(values)
    is_equal = _is_rounding(gaps, values)
    return ~is_equal / np.where(
        is_equal, 1.0, gaps
    )  # the quotient is finite everywhere, and so are its derivatives


def inverse_gaps_of_squares(values):
    """1 / (s[j]**2 - s[i]**2) at [i, j], and 0 where the two are equal up to rounding."""
    squares = values**2
    is_equal = _is_rounding(columns(values) - rows(values), values)
    return ~is_equal / np.where(is_equal, 1.0, columns(squares) - rows(squares))


def _is_rounding(gaps, values):
    """Where gaps between values are no larger than the rounding errors of the values."""
    if values.ndim == 1:
        size = np.sum(np.abs(values))
    else:
        size = np.expand_dims(np.sum(np.abs(values), axis=-1), (-2, -1))
    return np.abs(gaps) <= _rounding(values.dtype) * size


@evaluated
def _rounding(dtype: Any) -> float:
    return 4.0 * float(np.finfo(dtype).eps)


def outer_product(x, y):
    """The matrix x y^T of two vectors, or of two matrices of columns."""
    if x.ndim == 1:
        return np.outer(x, y)
    return x @ y.T


def eigen_adjoint(values, vectors, d_values, d_vectors):
    """The adjoint of a symmetric or Hermitian matrix, as if the whole matrix were read."""
    if d_vectors is None:
        return conjugated(vectors) * columns(d_values) @ transpose_of(vectors)
    middle = inverse_gaps(values) * (transpose_of(vectors) @ d_vectors)
    if d_values is not None:
        middle = middle + diagonal(d_values)
    return conjugated(vectors) @ middle @ transpose_of(vectors)


def triangle_of(a, lower, unit_diagonal=False):
    """The triangle that a triangular system reads."""
    if lower:
        return np.tril(a, -1) if unit_diagonal else np.tril(a)
    return np.triu(a, 1) if unit_diagonal else np.triu(a)
