"""`scipy.linalg`, said with operations: what is NumPy's too, factors in tuples, structured matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.ops.composites.matrices import (
    adjoined,
    conjugated,
    symmetric_of_upper,
    symmetric_part,
    turned,
)
from srcdiff.ops.factors import is_complex, qr_factors, svd_factors
from srcdiff.ops.lazy import LazyModule
from srcdiff.ops.matrix_functions import (
    expm_along,
    levinson,
    lu_factor,
    lu_solve,
    real_logm,
    real_sqrtm,
    symmetric_eigh,
)
from srcdiff.ops.registry import composite, evaluated, refuse
from srcdiff.ops.samples import said

linalg: Any = LazyModule("scipy.linalg")

_spd = "x @ np.conj(x).T + 2.0 * np.eye(3)"


# ---- what is NumPy's too ---------------------------------------------------------------------


@composite("scipy.linalg.det", samples=(said("scipy.linalg.det(x)", (3, 3)),), takes_complex=True)
def scipy_det(a: Any, overwrite_a: Any = False, check_finite: Any = True) -> Any:
    if a.dtype == np.float32:  # SciPy gives float64
        return np.linalg.det(a.astype(np.float64))
    if a.dtype == np.complex64:
        return np.linalg.det(a.astype(np.complex128))
    return np.linalg.det(a)


@composite(
    "scipy.linalg.inv",
    samples=(said("scipy.linalg.inv(x, check_finite=False)", (3, 3)),),
    takes_complex=True,
)
def scipy_inv(
    a: Any,
    overwrite_a: Any = False,
    check_finite: Any = True,
    *,
    assume_a: Any = None,
    lower: Any = False,
) -> Any:
    return np.linalg.inv(_assumed(a, assume_a, lower))


@composite(
    "scipy.linalg.solve",
    samples=(
        said("scipy.linalg.solve(x, y)", (3, 3), (3,)),
        said("scipy.linalg.solve(x, y, transposed=True)", (3, 3), (3, 2)),
        said("scipy.linalg.solve(x, y, transposed=True)", (3, 3, 3), (3, 2)),
        said("scipy.linalg.solve(x + 3.0 * np.eye(3), y, assume_a='sym')", (3, 3, 3), (3,)),
        said(f"scipy.linalg.solve({_spd}, y, assume_a='pos')", (3, 3), (3,)),
        said(f"scipy.linalg.solve({_spd}, y, lower=True, assume_a='sym')", (3, 3), (3,)),
    ),
    takes_complex=True,
)
def scipy_solve(
    a: Any,
    b: Any,
    lower: Any = False,
    overwrite_a: Any = False,
    overwrite_b: Any = False,
    check_finite: Any = True,
    assume_a: Any = None,
    transposed: Any = False,
) -> Any:
    matrix = _assumed(a, assume_a, lower)
    if transposed:
        return np.linalg.solve(turned(matrix), b)
    return np.linalg.solve(matrix, b)


def _assumed(a: Any, assume: Any, lower: Any) -> Any:
    """A matrix as it is read where something is assumed of it."""
    if assume is None or assume == "gen" or assume == "general":
        return a
    if assume in ("sym", "her", "pos", "symmetric", "hermitian", "positive definite"):
        other = turned(np.tril(a, -1) if lower else np.triu(a, 1))
        if a.dtype.kind == "c" and assume not in ("sym", "symmetric"):
            refuse("SciPy takes real diagonals of such matrices only", "Leave assume_a out.")
        return np.tril(a) + other if lower else np.triu(a) + other
    return refuse(f"assume_a={assume!r} is not differentiated", "Leave assume_a out.")


@composite(
    "scipy.linalg.cholesky",
    samples=(
        said(f"scipy.linalg.cholesky({_spd})", (3, 3)),
        said(f"scipy.linalg.cholesky({_spd}, lower=True)", (3, 3)),
    ),
    takes_complex=True,
)
def scipy_cholesky(
    a: Any, lower: Any = False, overwrite_a: Any = False, check_finite: Any = True
) -> Any:
    if lower:
        return np.linalg.cholesky(a)
    return adjoined(np.linalg.cholesky(adjoined(a)))


@composite(
    "scipy.linalg.pinv",
    samples=(said("scipy.linalg.pinv(x)", (4, 2)), said("scipy.linalg.pinv(x)", (2, 3))),
    takes_complex=True,
)
def scipy_pinv(
    a: Any,
    *,
    atol: Any = None,
    rtol: Any = None,
    return_rank: Any = False,
    check_finite: Any = True,
) -> Any:
    if return_rank or atol is not None:
        refuse("pinv with atol or return_rank is not differentiated", "Use rtol.")
    if rtol is None:
        return np.linalg.pinv(a)
    return np.linalg.pinv(a, rtol)


@composite(
    "scipy.linalg.svd",
    samples=(
        said(
            "scipy.linalg.svd(x, full_matrices=False)",
            (4, 2),
            complex_text="scipy.linalg.svd(x, compute_uv=False)",
        ),
        said("scipy.linalg.svd(x, compute_uv=False)", (2, 3)),
    ),
    takes_complex=True,
)
def scipy_svd(
    a: Any,
    full_matrices: Any = True,
    compute_uv: Any = True,
    overwrite_a: Any = False,
    check_finite: Any = True,
    lapack_driver: Any = "gesdd",
) -> Any:
    if not compute_uv:
        return svd_factors(a, full_matrices=False)[1]
    u, s, vh = svd_factors(a, full_matrices=full_matrices)
    return u, s, vh


@composite(
    "scipy.linalg.qr",
    samples=(
        said("scipy.linalg.qr(x, mode='economic')", (4, 2)),
        said("scipy.linalg.qr(x)", (2, 3)),
    ),
    takes_complex=True,
)
def scipy_qr(
    a: Any,
    overwrite_a: Any = False,
    lwork: Any = None,
    mode: Any = "full",
    pivoting: Any = False,
    check_finite: Any = True,
) -> Any:
    if pivoting:
        refuse("scipy.linalg.qr is differentiated without pivots", "Leave pivoting= out.")
    if mode == "raw" or mode == "r":
        refuse(f"scipy.linalg.qr is not differentiated in mode={mode!r}", "Use mode='economic'.")
    if mode == "economic":
        q, r = qr_factors(a)
    else:
        q, r = qr_factors(a, mode="complete")
    return q, r


_symmetric = "x + np.conj(x).T + np.diag([0.0, 7.0, 15.0])"


@composite(
    "scipy.linalg.eigh",
    samples=(
        said(f"np.abs(scipy.linalg.eigh({_symmetric})[1])", (3, 3)),  # LAPACK chooses signs anew
        said(f"np.abs(scipy.linalg.eigh({_symmetric}, lower=False)[1])", (3, 3)),
        said(f"scipy.linalg.eigh({_symmetric}, eigvals_only=True)", (3, 3)),
        said(f"scipy.linalg.eigh({_symmetric}, y @ np.conj(y).T + np.eye(3))[0]", (3, 3), (3, 3)),
    ),
    takes_complex=True,
)
def scipy_eigh(
    a: Any,
    b: Any = None,
    *,
    lower: Any = True,
    eigvals_only: Any = False,
    overwrite_a: Any = False,
    overwrite_b: Any = False,
    type: Any = 1,
    check_finite: Any = True,
    subset_by_index: Any = None,
    subset_by_value: Any = None,
    driver: Any = None,
) -> Any:
    if subset_by_index is not None or subset_by_value is not None or type != 1:
        refuse(
            "scipy.linalg.eigh is differentiated for all eigenvalues, and type=1", "Pick from them."
        )
    if b is None:
        values, vectors = symmetric_eigh(a, lower=lower)
    else:
        root = np.linalg.cholesky(b if lower else adjoined(b))
        whole = symmetric_part(a) if lower else symmetric_of_upper(a)
        half = linalg.solve_triangular(root, whole, lower=True)
        inner = linalg.solve_triangular(root, adjoined(half), lower=True)
        values, vectors = symmetric_eigh(inner, lower=True)
        vectors = linalg.solve_triangular(conjugated(root), vectors, trans="T", lower=True)
    if eigvals_only:
        return values
    return values, vectors


@composite(
    "scipy.linalg.eigvalsh",
    samples=(said(f"scipy.linalg.eigvalsh({_symmetric})", (3, 3)),),
    takes_complex=True,
)
def scipy_eigvalsh(a: Any, b: Any = None, *, lower: Any = True, check_finite: Any = True) -> Any:
    return linalg.eigh(a, b, lower=lower, eigvals_only=True)


# ---- factors in tuples -----------------------------------------------------------------------


@composite(
    "scipy.linalg.cho_factor",
    samples=(
        said(f"np.triu(scipy.linalg.cho_factor({_spd})[0])", (3, 3)),
        said(f"np.tril(scipy.linalg.cho_factor({_spd}, lower=True)[0])", (3, 3)),
    ),
    takes_complex=True,
)
def cho_factor(
    a: Any, lower: Any = False, overwrite_a: Any = False, check_finite: Any = True
) -> Any:
    return linalg.cholesky(a, lower=lower), lower


@composite(
    "scipy.linalg.lu_factor",
    samples=(said("scipy.linalg.lu_factor(x)[0]", (3, 3)),),
    takes_complex=True,
)
def scipy_lu_factor(a: Any, overwrite_a: Any = False, check_finite: Any = True) -> Any:
    lu, pivots = lu_factor(a)
    return lu, pivots


@composite(
    "scipy.linalg.lu_solve",
    samples=(
        said("scipy.linalg.lu_solve(scipy.linalg.lu_factor(x), y)", (3, 3), (3,)),
        said("scipy.linalg.lu_solve(scipy.linalg.lu_factor(x), y, trans=1)", (3, 3), (3, 2)),
        said("scipy.linalg.lu_solve(scipy.linalg.lu_factor(x), y, trans=2)", (3, 3), (3,)),
    ),
    takes_complex=True,
)
def scipy_lu_solve(
    lu_and_piv: Any, b: Any, trans: Any = 0, overwrite_b: Any = False, check_finite: Any = True
) -> Any:
    lu, pivots = lu_and_piv
    if trans == 2 and lu.dtype.kind == "c":
        return np.conj(lu_solve(lu, pivots, conjugated(b), trans=1))
    return lu_solve(lu, pivots, b, trans=trans)


# ---- functions of matrices -------------------------------------------------------------------

_near_one = "0.2 * x + np.diag([1.0, 2.0, 4.0])"


@composite(
    "scipy.linalg.sqrtm",
    samples=(said(f"scipy.linalg.sqrtm({_near_one})", (3, 3)),),
    takes_complex=True,
)
def sqrtm(A: Any) -> Any:
    root = real_sqrtm(A)
    if A.dtype.kind != "c" and is_complex(root):
        raise ValueError(
            "the square root of this matrix is complex, and only real ones are differentiated"
        )
    return root


@composite(
    "scipy.linalg.logm",
    samples=(said(f"scipy.linalg.logm({_near_one})", (3, 3)),),
    takes_complex=True,
)
def logm(A: Any) -> Any:
    logarithm = real_logm(A)
    if A.dtype.kind != "c" and is_complex(logarithm):
        raise ValueError(
            "the logarithm of this matrix is complex, and only real ones are differentiated"
        )
    return logarithm


@composite(
    "scipy.linalg.expm_frechet",
    samples=(said("scipy.linalg.expm_frechet(x, y)[1]", (2, 2), (2, 2)),),
    takes_complex=True,
    ignores=("method",),
)
def expm_frechet(
    A: Any, E: Any, method: Any = None, compute_expm: Any = True, check_finite: Any = True
) -> Any:
    if compute_expm:
        found = expm_along(A, E)
        return linalg.expm(A.astype(found.dtype)), found
    return expm_along(A, E)


# ---- structured matrices ---------------------------------------------------------------------


@composite(
    "scipy.linalg.solve_toeplitz",
    samples=(
        said("scipy.linalg.solve_toeplitz(x + np.array([9.0, 0.0, 0.0]), y)", (3,), (3,)),
        said(
            "scipy.linalg.solve_toeplitz((x + np.array([9.0, 0.0, 0.0]), y), z)", (3,), (3,), (3, 2)
        ),
    ),
    takes_complex=True,
)
def solve_toeplitz(c_or_cr: Any, b: Any, check_finite: Any = True) -> Any:
    if isinstance(c_or_cr, tuple):
        c, r = c_or_cr
        return levinson(c, r, b)
    return levinson(c_or_cr, conjugated(c_or_cr), b)


@composite(
    "scipy.linalg.toeplitz",
    samples=(
        said("scipy.linalg.toeplitz(x)", (4,)),
        said("scipy.linalg.toeplitz(x, y)", (4,), (3,)),
        said("scipy.linalg.toeplitz(x, y)", (2,), (3,)),
    ),
    takes_complex=True,
)
def toeplitz(c: Any, r: Any = None) -> Any:
    if c.ndim != 1:
        refuse("toeplitz is differentiated for vectors", "Call it for each row.")
    down = np.expand_dims(np.arange(len(c)), -1)
    if r is None and c.dtype.kind != "c":
        return c[np.abs(down - np.arange(len(c)))]
    if r is None:
        r = np.conj(c)
    entries = np.concatenate((np.flip(r[1:]), c))
    return entries[len(r) - 1 + down - np.arange(len(r))]


@composite(
    "scipy.linalg.block_diag",
    samples=(
        said("scipy.linalg.block_diag(x, y)", (2, 3), (1, 2)),
        said("scipy.linalg.block_diag(x, y, z)", (2, 2), (3,), ()),
        said("scipy.linalg.block_diag(x)", (2, 2)),
    ),
    takes_complex=True,
)
def block_diag(*arrs: Any) -> Any:
    blocks = [_matrix(a) for a in arrs]
    rows = sum([b.shape[-2] for b in blocks])
    columns = sum([b.shape[-1] for b in blocks])
    stack = blocks[_deepest(*[b.ndim for b in blocks])].shape[:-2]
    whole = np.zeros((*stack, rows, columns), _common_dtype(*[b.dtype for b in blocks]))
    row = 0
    column = 0
    for block in blocks:
        here = (slice(row, row + block.shape[-2]), slice(column, column + block.shape[-1]))
        whole[(..., *here) if stack else here] = block
        row = row + block.shape[-2]
        column = column + block.shape[-1]
    return whole


@evaluated
def _deepest(*ndims: int) -> int:
    """Which block has the axes of the stack, along which the others are the same or repeated."""
    return ndims.index(max(ndims))


@evaluated
def _common_dtype(*dtypes: Any) -> Any:
    return np.result_type(*dtypes)


def _matrix(a: Any) -> Any:
    """A number or vector as one row."""
    return a if np.ndim(a) >= 2 else np.reshape(a, (1, np.size(a)))
