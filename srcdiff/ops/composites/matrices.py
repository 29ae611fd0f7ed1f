"""Words of rules and composites about matrices, and stacks of them: the last two axes are the matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = [
    "columns", "diagonal", "diagonal_of", "diagonal_part", "inverse_gaps", "lower_part", "rows", "symmetric_part",
    "turned", "upper_part",
]  # fmt: skip


def turned(a: Any) -> Any:
    """The transpose."""
    if a.ndim == 2:
        return a.T
    return np.swapaxes(a, -1, -2)


def columns(v: Any) -> Any:
    """A vector that scales the columns of a matrix."""
    if v.ndim == 1:
        return v
    return np.expand_dims(v, -2)


def rows(v: Any) -> Any:
    """A vector that scales the rows of a matrix."""
    return np.expand_dims(v, -1)


def diagonal(v: Any) -> Any:
    """The matrix that has a vector on its diagonal."""
    if v.ndim == 1:
        return np.diag(v)
    return rows(v) * np.eye(v.shape[-1])


def diagonal_of(a: Any) -> Any:
    if a.ndim == 2:
        return np.diag(a)
    return np.sum(a * np.eye(a.shape[-1]), axis=-1)


def diagonal_part(a: Any) -> Any:
    """A matrix without what is beside its diagonal."""
    if a.ndim == 2:
        return np.diag(np.diag(a))
    return a * np.eye(a.shape[-1])


def lower_part(a: Any) -> Any:
    """The derivative by a symmetric matrix of which only the lower triangle is read."""
    return np.tril(a) + np.tril(turned(a), -1)


def symmetric_part(a: Any) -> Any:
    """The symmetric matrix with the same lower triangle."""
    return np.tril(a) + turned(np.tril(a, -1))


def upper_part(a: Any) -> Any:
    return np.triu(a) + np.triu(turned(a), 1)


def inverse_gaps(values: Any) -> Any:
    """1 / (w[j] - w[i]) at [i, j], and 0 where the two are equal."""
    gaps = columns(values) - rows(values)
    return 1.0 / np.where(gaps == 0.0, np.inf, gaps)
