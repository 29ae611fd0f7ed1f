"""Products and norms that others say: `np.vecdot`, `np.linalg.multi_dot`, `np.linalg.matrix_power`, other norms, ..."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.ops.composites.places import all_axes, array, numbers
from srcdiff.ops.registry import composite, evaluated, refuse
from srcdiff.ops.samples import said

# ---- products ------------------------------------------------------------------------------------


@composite(
    getattr(np, "vecdot", None),
    getattr(np.linalg, "vecdot", None),
    samples=(
        said("np.vecdot(x, y)", (3,), (3,)),
        said("np.vecdot(x, y)", (2, 3), (3,)),
        said("np.linalg.vecdot(x, y, axis=0)", (3, 2), (3, 2)),
    ),
)
def vecdot(x1: Any, x2: Any, /, out: Any = None, *, axis: Any = -1) -> Any:
    x1, x2 = array(x1), array(x2)
    return x1 @ x2 if x1.ndim == 1 and x2.ndim == 1 else np.sum(x1 * x2, axis=axis)


@composite(
    getattr(np, "matvec", None),
    samples=(said("np.matvec(x, y)", (2, 3), (3,)), said("np.matvec(x, y)", (4, 2, 3), (4, 3))),
)
def matvec(x1: Any, x2: Any, /, out: Any = None) -> Any:
    return x1 @ x2 if x2.ndim == 1 else np.sum(x1 * x2[..., None, :], axis=-1)


@composite(
    getattr(np, "vecmat", None),
    samples=(said("np.vecmat(x, y)", (2,), (2, 3)), said("np.vecmat(x, y)", (4, 2), (4, 2, 3))),
)
def vecmat(x1: Any, x2: Any, /, out: Any = None) -> Any:
    return x1 @ x2 if x1.ndim == 1 else np.sum(x1[..., None] * x2, axis=-2)


@composite(
    getattr(np.linalg, "matmul", None), samples=(said("np.linalg.matmul(x, y)", (2, 3), (3, 2)),)
)
def linalg_matmul(x1: Any, x2: Any, /) -> Any:
    return x1 @ x2


@composite(
    getattr(np.linalg, "outer", None), samples=(said("np.linalg.outer(x, y)", (2,), (3,)),)
)
def linalg_outer(x1: Any, x2: Any, /) -> Any:
    return np.outer(x1, x2)


@composite(
    getattr(np.linalg, "cross", None),
    samples=(said("np.linalg.cross(x, y)", (3,), (3,)), said("np.linalg.cross(x, y, axis=0)", (3, 2), (3, 2))),
)
def linalg_cross(x1: Any, x2: Any, /, *, axis: Any = -1) -> Any:
    if axis not in (-1, x1.ndim - 1):
        return np.moveaxis(np.cross(np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1)), -1, axis)
    return np.cross(x1, x2)


@composite(
    getattr(np.linalg, "tensordot", None),
    samples=(said("np.linalg.tensordot(x, y, axes=1)", (2, 3), (3, 2)),),
)
def linalg_tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    return np.tensordot(x1, x2, axes)


@composite(
    np.linalg.multi_dot,
    samples=(
        said("np.linalg.multi_dot([x, y, z])", (2, 3), (3, 2), (2, 2)),
        said("np.linalg.multi_dot((x, y, z))", (2, 3), (3, 2), (2,)),
        said("np.linalg.multi_dot([x, y])", (3,), (3, 2)),
    ),
)
def multi_dot(arrays: Any, *, out: Any = None) -> Any:
    """From the side where there is a vector, if there is one."""
    count = len(arrays)
    if np.ndim(arrays[count - 1]) == 1:
        product = arrays[count - 1]
        for k in numbers(count - 2, -1, -1):
            product = arrays[k] @ product
        return product
    product = arrays[0]
    for k in numbers(1, count):
        product = product @ arrays[k]
    return product


@composite(
    np.linalg.matrix_power,
    samples=(
        said("np.linalg.matrix_power(x, 3)", (2, 2)),
        said("np.linalg.matrix_power(x, 6)", (2, 2)),
        said("np.linalg.matrix_power(x, 1)", (2, 2)),
        said("np.linalg.matrix_power(x, 0)", (2, 2)),
        said("np.linalg.matrix_power(x, -2)", [[2.0, 0.5], [0.1, 1.5]]),
    ),
)
def matrix_power(a: Any, n: Any) -> Any:
    if n == 0:
        return np.broadcast_to(np.eye(a.shape[-1]), a.shape).astype(a.dtype)
    square = np.linalg.inv(a) if n < 0 else a
    product = None
    bits = _bits(n)
    for k in numbers(len(bits)):
        if k > 0:
            square = square @ square
        if bits[k]:
            product = square if product is None else product @ square
    return product.copy() if len(bits) == 1 else product


@evaluated
def _bits(n: int) -> tuple[bool, ...]:
    """The bits of a number, the lowest first."""
    return tuple(bit == "1" for bit in reversed(f"{abs(n):b}"))


# ---- diagonals -----------------------------------------------------------------------------------


@composite(
    np.diagonal,
    method="diagonal",
    given=("axis1", "axis2"),
    ndim=2,
    samples=(
        said("np.diagonal(x, axis1=1, axis2=0)", (2, 3)),
        said("np.diagonal(x, 1)", (2, 2, 3)),
        said("np.diagonal(x, -1, 1, 2)", (2, 3, 3)),
        said("x.diagonal(0, 0, 2)", (2, 3, 2)),
    ),
)
def diagonal(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Any:
    moved = np.moveaxis(a, (axis1, axis2), (-2, -1))
    rows, columns = moved.shape[-2], moved.shape[-1]
    k = np.arange(max(min(rows - max(-offset, 0), columns - max(offset, 0)), 0))
    return moved[..., k + max(-offset, 0), k + max(offset, 0)]


@composite(
    np.trace,
    method="trace",
    given=("axis1", "axis2", "dtype"),
    ndim=2,
    samples=(said("np.trace(x)", (2, 2, 3)), said("np.trace(x, 1, 1, 2)", (2, 3, 3))),
)
def trace(
    a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1, dtype: Any = None, out: Any = None
) -> Any:
    return np.sum(diagonal(a, offset, axis1, axis2), axis=-1)


@composite(
    getattr(np.linalg, "diagonal", None),
    samples=(said("np.linalg.diagonal(x)", (2, 3)), said("np.linalg.diagonal(x, offset=1)", (2, 3, 3))),
)
def linalg_diagonal(x: Any, /, *, offset: Any = 0) -> Any:
    return np.diagonal(x, offset) if x.ndim == 2 else diagonal(x, offset, -2, -1)


@composite(
    getattr(np.linalg, "trace", None),
    samples=(said("np.linalg.trace(x)", (3, 3)), said("np.linalg.trace(x, offset=1)", (2, 3, 3))),
)
def linalg_trace(x: Any, /, *, offset: Any = 0, dtype: Any = None) -> Any:
    return np.trace(x, offset) if x.ndim == 2 else trace(x, offset, -2, -1)


# ---- norms ---------------------------------------------------------------------------------------


@composite(
    np.linalg.norm,
    given=("ord",),
    samples=(
        said("np.linalg.norm(x, 1)", (3,)),
        said("np.linalg.norm(x, np.inf)", (3,)),
        said("np.linalg.norm(x, -np.inf, axis=1)", (2, 3)),
        said("np.linalg.norm(x, 3)", (3,)),
        said("np.linalg.norm(x, 2.5, axis=0, keepdims=True)", (2, 3)),
        said("np.linalg.norm(x, 0)", (3,)),
        said("np.linalg.norm(x, 2, 1)", (2, 3)),
        said("np.linalg.norm(x, 1)", (2, 3)),
        said("np.linalg.norm(x, -1)", (2, 3)),
        said("np.linalg.norm(x, np.inf, keepdims=True)", (2, 3)),
        said("np.linalg.norm(x, -np.inf, axis=(2, 0))", (2, 3, 2)),
        said("np.linalg.norm(x, 'fro', axis=(0, 1))", (2, 3)),
        said("np.linalg.norm(x, 3)", [0.0, 0.0], avoid="0", gradients=([0.0, 0.0],)),
    ),
)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Any:
    x = array(x)
    if ord is None or ord == "fro":
        return np.linalg.norm(x, axis=axis, keepdims=keepdims)
    if isinstance(axis, int) or (axis is None and x.ndim == 1):
        return _norm_of_vectors(x, ord, axis, keepdims)
    rows, columns = all_axes(axis, x.ndim) if axis is None else (axis[0] % x.ndim, axis[1] % x.ndim)
    if ord in (1, -1):
        sums = np.sum(np.abs(x), axis=rows, keepdims=True)
        best = _extreme(sums, ord, columns, True)
    elif ord in (np.inf, -np.inf):
        sums = np.sum(np.abs(x), axis=columns, keepdims=True)
        best = _extreme(sums, ord, rows, True)
    else:
        values = np.linalg.svd(np.moveaxis(x, (rows, columns), (-2, -1)), compute_uv=False)
        found = np.sum(values, axis=-1) if ord == "nuc" else _extreme(values, ord, -1, False)
        return np.expand_dims(found, (rows, columns)) if keepdims else found
    return best if keepdims else np.squeeze(best, (rows, columns))


def _norm_of_vectors(x: Any, ord: Any, axis: Any, keepdims: Any) -> Any:
    if ord == 2:
        return np.linalg.norm(x, axis=axis, keepdims=keepdims)
    if ord in (np.inf, -np.inf):
        return _extreme(np.abs(x), ord, axis, keepdims)
    if ord == 0:
        return np.sum(np.where(x != 0, np.ones_like(x), 0.0), axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    total = np.sum(np.abs(x) ** ord, axis=axis, keepdims=keepdims)
    is_zero = total == 0.0  # where the derivative is 0, as of the other norms
    return np.where(is_zero, 0.0, np.where(is_zero, 1.0, total) ** (1.0 / ord))


def _extreme(x: Any, ord: Any, axis: Any, keepdims: Any) -> Any:
    if ord > 0:
        return np.max(x, axis=axis, keepdims=keepdims)
    return np.min(x, axis=axis, keepdims=keepdims)


@composite(
    getattr(np.linalg, "vector_norm", None),
    samples=(
        said("np.linalg.vector_norm(x)", (2, 3)),
        said("np.linalg.vector_norm(x, axis=1, ord=3)", (2, 3)),
        said("np.linalg.vector_norm(x, ord=1, keepdims=True)", (3,)),
        said("np.linalg.vector_norm(x, axis=(0, 2))", (2, 3, 2)),
    ),
)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: Any = False, ord: Any = 2) -> Any:
    x = array(x)
    if axis is None:
        found = _norm_of_vectors(np.ravel(x), ord, None, False)
        return np.reshape(found, (1,) * x.ndim) if keepdims else found
    if ord == 2 and isinstance(axis, tuple):
        total = np.sum(x * x, axis=axis, keepdims=keepdims)
        return np.where(total == 0.0, 0.0, np.sqrt(np.where(total == 0.0, 1.0, total)))
    if isinstance(axis, tuple):
        refuse("np.linalg.vector_norm takes one axis here", "Reshape the axes to one.")
    return _norm_of_vectors(x, ord, axis, keepdims)


@composite(
    getattr(np.linalg, "matrix_norm", None),
    samples=(
        said("np.linalg.matrix_norm(x)", (2, 3)),
        said("np.linalg.matrix_norm(x, ord=1, keepdims=True)", (2, 2, 3)),
    ),
)
def matrix_norm(x: Any, /, *, keepdims: Any = False, ord: Any = "fro") -> Any:
    return np.linalg.norm(x, ord, (-2, -1), keepdims)
