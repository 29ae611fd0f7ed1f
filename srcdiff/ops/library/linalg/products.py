"""Products and norms that other functions express: `np.vecdot`, `np.linalg.diagonal`, `np.linalg.vector_norm`, ..."""

from __future__ import annotations

import numpy as np

from srcdiff.ops.core.registry import composite
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.compile_time import all_axes, array, other_axes, row_of

# ---- products ------------------------------------------------------------------------------------


@composite(
    getattr(np, "vecdot", None),
    getattr(np.linalg, "vecdot", None),
    samples=(
        call("np.vecdot(x, y)", (3,), (3,)),
        call("np.vecdot(x, y)", (2, 3), (3,)),
        call("np.linalg.vecdot(x, y, axis=0)", (3, 2), (3, 2)),
    ),
    takes_complex=True,
)
def vecdot(x1, x2, /, out=None, *, axis=-1):
    x1, x2 = array(x1), array(x2)
    if x1.dtype.kind == "c":
        x1 = np.conj(x1)
    return x1 @ x2 if x1.ndim == 1 and x2.ndim == 1 else np.sum(x1 * x2, axis=axis)


@composite(
    getattr(np, "matvec", None),
    samples=(call("np.matvec(x, y)", (2, 3), (3,)), call("np.matvec(x, y)", (4, 2, 3), (4, 3))),
    takes_complex=True,
)
def matvec(x1, x2, /, out=None):
    return x1 @ x2 if x2.ndim == 1 else np.sum(x1 * x2[..., None, :], axis=-1)


@composite(
    getattr(np, "vecmat", None),
    samples=(call("np.vecmat(x, y)", (2,), (2, 3)), call("np.vecmat(x, y)", (4, 2), (4, 2, 3))),
    takes_complex=True,
)
def vecmat(x1, x2, /, out=None):
    if x1.dtype.kind == "c":
        x1 = np.conj(x1)
    return x1 @ x2 if x1.ndim == 1 else np.sum(x1[..., None] * x2, axis=-2)


@composite(
    getattr(np.linalg, "matmul", None),
    samples=(call("np.linalg.matmul(x, y)", (2, 3), (3, 2)),),
    takes_complex=True,
)
def linalg_matmul(x1, x2, /):
    return x1 @ x2


@composite(
    getattr(np.linalg, "outer", None),
    samples=(call("np.linalg.outer(x, y)", (2,), (3,)),),
    takes_complex=True,
)
def linalg_outer(x1, x2, /):
    return np.outer(x1, x2)


@composite(
    getattr(np.linalg, "cross", None),
    samples=(
        call("np.linalg.cross(x, y)", (3,), (3,)),
        call("np.linalg.cross(x, y, axis=0)", (3, 2), (3, 2)),
    ),
    takes_complex=True,
)
def linalg_cross(x1, x2, /, *, axis=-1):
    if axis not in (-1, x1.ndim - 1):
        return np.moveaxis(np.cross(np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1)), -1, axis)
    return np.cross(x1, x2)


@composite(
    getattr(np.linalg, "tensordot", None),
    samples=(call("np.linalg.tensordot(x, y, axes=1)", (2, 3), (3, 2)),),
    takes_complex=True,
)
def linalg_tensordot(x1, x2, /, *, axes=2):
    return np.tensordot(x1, x2, axes)


# ---- diagonals -----------------------------------------------------------------------------------


@composite(
    np.diagonal,
    method="diagonal",
    given=("axis1", "axis2"),
    ndim=2,
    samples=(
        call("np.diagonal(x, axis1=1, axis2=0)", (2, 3)),
        call("np.diagonal(x, 1)", (2, 2, 3)),
        call("np.diagonal(x, -1, 1, 2)", (2, 3, 3)),
        call("x.diagonal(0, 0, 2)", (2, 3, 2)),
    ),
    takes_complex=True,
)
def diagonal(a, offset=0, axis1=0, axis2=1):
    is_last = axis1 in (-2, a.ndim - 2) and axis2 in (-1, a.ndim - 1)
    moved = a if is_last else np.moveaxis(a, (axis1, axis2), (-2, -1))
    rows, columns = moved.shape[-2], moved.shape[-1]
    k = np.arange(max(min(rows - max(-offset, 0), columns - max(offset, 0)), 0))
    return moved[..., k + max(-offset, 0), k + max(offset, 0)]


@composite(
    np.trace,
    method="trace",
    given=("axis1", "axis2", "dtype"),
    ndim=2,
    samples=(
        call("np.trace(x)", (2, 2, 3)),
        call("np.trace(x, 1, 1, 2)", (2, 3, 3)),
        call("np.trace(x, dtype=np.float64)", (3, 3)),
    ),
    takes_complex=True,
)
def trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None):
    return np.sum(diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


@composite(
    getattr(np.linalg, "diagonal", None),
    samples=(
        call("np.linalg.diagonal(x)", (2, 3)),
        call("np.linalg.diagonal(x, offset=1)", (2, 3, 3)),
    ),
    takes_complex=True,
)
def linalg_diagonal(x, /, *, offset=0):
    return np.diagonal(x, offset) if x.ndim == 2 else diagonal(x, offset, -2, -1)


@composite(
    getattr(np.linalg, "trace", None),
    samples=(call("np.linalg.trace(x)", (3, 3)), call("np.linalg.trace(x, offset=1)", (2, 3, 3))),
    takes_complex=True,
)
def linalg_trace(x, /, *, offset=0, dtype=None):
    if x.ndim == 2 and dtype is None:
        return np.trace(x, offset)
    return trace(x, offset, -2, -1, dtype)


# ---- norms ---------------------------------------------------------------------------------------


@composite(
    getattr(np.linalg, "vector_norm", None),
    samples=(
        call("np.linalg.vector_norm(x)", (2, 3)),
        call("np.linalg.vector_norm(x, axis=1, ord=3)", (2, 3)),
        call("np.linalg.vector_norm(x, ord=1, keepdims=True)", (3,)),
        call("np.linalg.vector_norm(x, axis=(0, 2))", (2, 3, 2)),
    ),
    takes_complex=True,
)
def vector_norm(x, /, *, axis=None, keepdims=False, ord=2):
    x = array(x)
    if axis is None:
        found = np.linalg.norm(row_of(x), ord)
        return np.reshape(found, (1,) * x.ndim) if keepdims else found
    if isinstance(axis, tuple):
        kept, reduced = other_axes(axis, x.ndim), all_axes(axis, x.ndim)
        rows = np.reshape(np.transpose(x, (*kept, *reduced)), (*(x.shape[k] for k in kept), -1))
        found = np.linalg.norm(rows, ord, -1)
        return np.expand_dims(found, reduced) if keepdims else found
    return np.linalg.norm(x, ord, axis, keepdims)


@composite(
    getattr(np.linalg, "matrix_norm", None),
    samples=(
        call("np.linalg.matrix_norm(x)", (2, 3)),
        call("np.linalg.matrix_norm(x, ord=1, keepdims=True)", (2, 2, 3)),
    ),
    takes_complex=True,
)
def matrix_norm(x, /, *, keepdims=False, ord="fro"):
    return np.linalg.norm(x, ord, (-2, -1), keepdims)
