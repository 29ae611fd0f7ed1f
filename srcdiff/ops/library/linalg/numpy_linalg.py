"""Composites of `np.linalg`, written with the factorisations and systems that are operations."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.ops.core.registry import composite, evaluated, refuse
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.compile_time import array
from srcdiff.ops.library.linalg.matrix_checks import adjoined, columns
from srcdiff.ops.linalg.eigenvalues import is_complex, real_eig
from srcdiff.ops.linalg.factorisations import qr_factors, svd_factors
from srcdiff.ops.linalg.products import norm
from srcdiff.ops.linalg.solve import least_squares, rest_of_lstsq

# ---- factors ---------------------------------------------------------------------------------

_SVD = type(np.linalg.svd(np.eye(1)))  # NumPy's class of named tuples
_hermitian = (
    "np.linalg.svd(x, hermitian=True)[0] * np.arange(2.0) @ np.linalg.svd(x, hermitian=True)[2]"
)


@composite(
    np.linalg.svd,
    samples=(
        call(
            "np.linalg.svd(x, False)",
            (4, 2),
            complex_text="np.linalg.svd(x, False)[0] * np.arange(2.0) @ np.linalg.svd(x, False)[2]",
        ),
        call("np.linalg.svd(x).S", (2, 4)),
        call(
            "np.linalg.svd(x)",
            (3, 3),
            complex_text="np.linalg.svd(x)[0] * np.arange(3.0) @ np.linalg.svd(x)[2]",
        ),
        call("np.linalg.svd(x, compute_uv=False)", (4, 2)),
        call("np.linalg.svd(x, full_matrices=False)[1]", (2, 3, 2)),
        call(
            "np.linalg.svd(x - np.diag([0.0, 9.0]), hermitian=True)",
            (2, 2),
            complex_text=_hermitian,
        ),
        call("np.linalg.svd(x, compute_uv=False, hermitian=True)", (2, 3, 3)),
    ),
    takes_complex=True,
)
def svd(a, full_matrices=True, compute_uv=True, hermitian=False):
    if hermitian:
        return _hermitian_svd(a, compute_uv)
    if not compute_uv:
        return svd_factors(a, full_matrices=False)[1]
    return svd_factors(a, full_matrices=full_matrices)


def _hermitian_svd(a, compute_uv):
    """As in NumPy: the singular values are the absolute values of the eigenvalues."""
    values, vectors = np.linalg.eigh(a)
    sizes = np.abs(values)
    order = np.flip(np.argsort(sizes, axis=-1), axis=-1)
    sizes = np.take_along_axis(sizes, order, axis=-1)
    if not compute_uv:
        return sizes
    u = np.take_along_axis(vectors, np.expand_dims(order, -2), axis=-1)
    signs = np.take_along_axis(np.copysign(1.0, values), order, axis=-1)
    return _SVD(u, sizes, adjoined(u * columns(signs)))


@composite(
    getattr(np.linalg, "svdvals", None),
    "scipy.linalg.svdvals",
    samples=(call("scipy.linalg.svdvals(x)", (3, 2)),),
    takes_complex=True,
)
def svdvals(x, overwrite_a=False, check_finite=True):
    return svd_factors(x, full_matrices=False)[1]


@composite(
    np.linalg.qr,
    samples=(
        call("np.linalg.qr(x)", (4, 2)),
        call("np.linalg.qr(x)[0]", (4, 2)),
        call("np.linalg.qr(x).R", (2, 4)),
        call("np.linalg.qr(x, mode='r')", (4, 3)),
        call("np.linalg.qr(x, mode='complete')", (2, 3)),
    ),
    takes_complex=True,
)
def qr(a, mode="reduced"):
    if mode == "raw":
        refuse("Householder reflectors are not differentiated", "Use the mode 'reduced'.")
    if mode == "r":
        return qr_factors(a)[1]
    return qr_factors(a, mode=mode)


@composite(
    np.linalg.eigvalsh,
    samples=(
        call("np.linalg.eigvalsh(x + x.T)", (3, 3)),
        call("np.linalg.eigvalsh(x, 'U')", (3, 3)),
        call("np.linalg.eigvalsh(x)", (2, 3, 3)),
    ),
    takes_complex=True,
)
def eigvalsh(a, UPLO="L"):
    return np.linalg.eigh(a, UPLO)[0]


_real = "x * 0.2 + np.diag(np.arange(3.0))"


@composite(
    np.linalg.eig,
    samples=(
        call(f"np.linalg.eig({_real})", (3, 3), complex_text=f"np.abs(np.linalg.eig({_real})[1])"),
        call(f"np.linalg.eig({_real})[0]", (3, 3)),
    ),
    takes_complex=True,
)
def eig(a):
    pair = real_eig(a)
    if a.dtype.kind != "c" and is_complex(pair.eigenvalues):
        raise ValueError("some eigenvalues are complex, and only real ones are differentiated")
    return pair


@composite(
    np.linalg.eigvals,
    samples=(call(f"np.linalg.eigvals({_real})", (3, 3)),),
    takes_complex=True,
)
def eigvals(a):
    return np.linalg.eig(a)[0]


# ---- systems and inverses --------------------------------------------------------------------


@composite(
    np.linalg.lstsq,
    samples=(
        call("np.linalg.lstsq(x, y)[0]", (4, 2), (4,)),
        call("np.linalg.lstsq(x, y, rcond=None)[0]", (4, 2), (4, 3)),
        call("np.linalg.lstsq(x, y, rcond=None)", (4, 2), (4, 3), wrt=()),
    ),
    takes_complex=True,
)
def lstsq(a, b, rcond=None):
    solution = least_squares(a, b, rcond=rcond)
    residuals, rank, values = rest_of_lstsq(a, b, rcond=rcond)
    return solution, residuals, rank, values


@composite(
    np.linalg.tensorsolve,
    samples=(
        call("np.linalg.tensorsolve(x, y)", (2, 3, 6), (2, 3)),
        call("np.linalg.tensorsolve(x, y, axes=(0,))", (6, 2, 3), (2, 3)),
    ),
    takes_complex=True,
)
def tensorsolve(a, b, axes=None):
    if axes is not None:
        a = np.moveaxis(a, axes, _last_axes(a.ndim, len(axes)))
    unknowns = a.shape[b.ndim :]
    return np.reshape(np.linalg.solve(np.reshape(a, (b.size, b.size)), np.ravel(b)), unknowns)


@evaluated
def _last_axes(ndim: int, count: int) -> tuple[int, ...]:
    return tuple(range(ndim - count, ndim))


@composite(
    np.linalg.tensorinv,
    samples=(
        call("np.linalg.tensorinv(x)", (2, 3, 6)),
        call("np.linalg.tensorinv(x, ind=1)", (6, 2, 3)),
    ),
    takes_complex=True,
)
def tensorinv(a, ind=2):
    rows = 1
    for axis in range(ind):
        rows = rows * a.shape[axis]
    inverse = np.linalg.inv(np.reshape(a, (rows, rows)))
    return np.reshape(inverse, a.shape[ind:] + a.shape[:ind])


@composite(
    np.linalg.matrix_power,
    samples=(
        call("np.linalg.matrix_power(x, 5)", (3, 3)),
        call("np.linalg.matrix_power(x, 2)", (2, 3, 3)),
        call("np.linalg.matrix_power(x, -3)", (3, 3)),
        call("np.linalg.matrix_power(x, 0)", (3, 3)),
        call("np.linalg.matrix_power(x, 1)", (3, 3)),
    ),
    takes_complex=True,
)
def matrix_power(a, n):
    base = a
    if n < 0:
        base = np.linalg.inv(a)
    power = np.broadcast_to(np.eye(a.shape[-1]), a.shape).astype(base.dtype)
    for k, bit in enumerate(_bits(n)):
        if bit:
            power = base if _is_first(n, k) else power @ base
        if not _is_last(n, k):
            base = base @ base
    return power


@evaluated
def _bits(n: int) -> tuple[bool, ...]:
    """The binary digits of a number, the lowest first."""
    return tuple(d == "1" for d in reversed(f"{abs(n):b}"))


@evaluated
def _is_first(n: int, k: int) -> bool:
    return bool(abs(n) % 2**k == 0)


@evaluated
def _is_last(n: int, k: int) -> bool:
    return bool(abs(n) < 2 ** (k + 1))


@composite(
    np.linalg.multi_dot,
    samples=(
        call("np.linalg.multi_dot([x, y, z])", (2, 3), (3, 4), (4, 2)),
        call("np.linalg.multi_dot((x, y, z))", (3,), (3, 4), (4,)),
        call("np.linalg.multi_dot((x, y, z))", (2, 3), (3, 4), (4,)),
        call("np.linalg.multi_dot((x, y))", (2, 3), (3, 4)),
    ),
    takes_complex=True,
)
def multi_dot(arrays):
    """Multiply from the right if the last operand is a vector, otherwise from the left."""
    if any(a.ndim > 2 for a in arrays):
        refuse("multi_dot takes matrices, and vectors at its ends", "Write `@` for stacks.")
    if arrays[-1].ndim == 1:
        product = arrays[-1]
        for k in range(len(arrays) - 2, -1, -1):
            product = arrays[k] @ product
        return product
    product = arrays[0]
    for k in range(1, len(arrays)):
        product = product @ arrays[k]
    return product


@composite(
    np.linalg.cond,
    samples=(
        call("np.linalg.cond(x)", (3, 3)),
        call("np.linalg.cond(x, -2)", (4, 2)),
        call("np.linalg.cond(x, 'fro')", (3, 3)),
        call("np.linalg.cond(x)", (2, 3, 3)),
    ),
    takes_complex=True,
)
def cond(x, p=None):
    if p is None or p == 2 or p == -2:
        values = svd_factors(x, full_matrices=False)[1]
        if p == -2:
            return values[..., -1] / values[..., 0]
        return values[..., 0] / values[..., -1]
    if x.ndim == 2:
        return np.linalg.norm(x, p) * np.linalg.norm(np.linalg.inv(x), p)
    axes = (-2, -1)
    return np.linalg.norm(x, p, axis=axes) * np.linalg.norm(np.linalg.inv(x), p, axis=axes)


# ---- norms -----------------------------------------------------------------------------------


@composite(
    np.linalg.norm,
    "scipy.linalg.norm",
    samples=(
        call("np.linalg.norm(x)", (2, 3)),
        call("np.linalg.norm(x, np.inf)", (4,)),
        call("np.linalg.norm(x, -np.inf, axis=1)", (2, 3)),
        call("np.linalg.norm(x, 1, axis=0, keepdims=True)", (2, 3)),
        call("np.linalg.norm(x, 3)", (4,)),
        call("np.linalg.norm(x, 2.5, axis=-1)", (2, 3)),
        call("np.linalg.norm(x, 0)", (4,), wrt=()),
        call("np.linalg.norm(x, 1)", (3, 4)),
        call("np.linalg.norm(x, -1)", (3, 4)),
        call("np.linalg.norm(x, np.inf)", (3, 4)),
        call("np.linalg.norm(x, -np.inf, axis=(0, 2))", (3, 2, 4)),
        call("np.linalg.norm(x, 2)", (3, 2)),
        call("np.linalg.norm(x, -2)", (3, 2)),
        call("np.linalg.norm(x, 'nuc')", (3, 2)),
        call("np.linalg.norm(x, 'nuc', axis=(1, 2), keepdims=True)", (2, 3, 2)),
    ),
    takes_complex=True,
)
def norm_of_order(x, ord=None, axis=None, keepdims=False, check_finite=True):
    x = array(x)
    kind = _norm_kind(x.ndim, ord, axis)
    if kind == "usual":
        return norm(x, ord=ord, axis=axis, keepdims=keepdims)
    if kind == "vector":
        size = np.abs(x)
        if ord == np.inf:
            return np.max(size, axis=axis, keepdims=keepdims)
        if ord == -np.inf:
            return np.min(size, axis=axis, keepdims=keepdims)
        if ord == 0:
            return np.sum((x != 0.0).astype(size.dtype), axis=axis, keepdims=keepdims)
        if ord == 1:
            return np.sum(size, axis=axis, keepdims=keepdims)
        total = np.sum(size**ord, axis=axis, keepdims=keepdims)
        is_zero = total == 0.0  # the derivative is 0 there, as for the other norms
        return np.where(is_zero, 0.0, np.where(is_zero, 1.0, total) ** (1.0 / ord))
    first, second = _two_axes(x.ndim, axis)
    if kind == "singular":
        values = svd_factors(np.moveaxis(x, (first, second), (-2, -1)), full_matrices=False)[1]
        if ord == "nuc":
            found = np.sum(values, axis=-1)
        elif ord == 2:
            found = np.max(values, axis=-1)
        else:
            found = np.min(values, axis=-1)
        if keepdims:
            return np.expand_dims(found, (first, second))
        return found
    along = first if ord == 1 or ord == -1 else second
    sums = np.sum(np.abs(x), axis=along, keepdims=True)
    if ord > 0:
        return np.max(sums, axis=(first, second), keepdims=keepdims)
    return np.min(sums, axis=(first, second), keepdims=keepdims)


@evaluated
def _norm_kind(ndim: int, order: object, axis: object) -> str:
    """The formula of a norm: "usual", "vector", "singular" or "sums"."""
    count = ndim if axis is None else len(axis) if isinstance(axis, tuple) else 1
    if order is None or (order == 2 and count == 1) or (order == "fro" and count == 2):
        return "usual"
    if count == 1 and not isinstance(order, str):
        return "vector"
    if count == 2 and order in ("nuc", 2, -2):
        return "singular"
    return "sums" if count == 2 and order in (1, -1, np.inf, -np.inf) else "usual"


@evaluated
def _two_axes(ndim: int, axis: Any) -> tuple[int, int]:
    first, second = (0, 1) if axis is None else (a % ndim for a in axis)
    return first, second
