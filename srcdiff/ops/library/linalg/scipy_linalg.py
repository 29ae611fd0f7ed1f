"""Composites of `scipy.linalg`: functions that NumPy has too, factors in tuples, functions of matrices."""

from __future__ import annotations

import numpy as np

from srcdiff.ops.core.lazy_module import LazyModule
from srcdiff.ops.core.registry import composite, refuse
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.linalg.batched import in_turn, of_each, one_by_one
from srcdiff.ops.library.linalg.matrix_checks import (
    adjoined,
    conjugated,
    symmetric_of_upper,
    symmetric_part,
    transpose_of,
)
from srcdiff.ops.linalg.eigenvalues import is_complex
from srcdiff.ops.linalg.factor_solves import lu_factor, lu_solve
from srcdiff.ops.linalg.factorisations import qr_factors, svd_factors
from srcdiff.ops.linalg.matrix_functions import expm_along, real_logm, real_sqrtm, symmetric_eigh

linalg = LazyModule("scipy.linalg")

_spd = "x @ np.conj(x).T + 2.0 * np.eye(3)"


# ---- functions that NumPy has too ------------------------------------------------------------


@composite("scipy.linalg.det", samples=(call("scipy.linalg.det(x)", (3, 3)),), takes_complex=True)
def scipy_det(a, overwrite_a=False, check_finite=True):
    if a.dtype == np.float32:  # SciPy returns float64
        return np.linalg.det(a.astype(np.float64))
    if a.dtype == np.complex64:
        return np.linalg.det(a.astype(np.complex128))
    return np.linalg.det(a)


@composite(
    "scipy.linalg.inv",
    samples=(call("scipy.linalg.inv(x, check_finite=False)", (3, 3)),),
    takes_complex=True,
)
def scipy_inv(a, overwrite_a=False, check_finite=True, *, assume_a=None, lower=False):
    return np.linalg.inv(_assumed(a, assume_a, lower))


@composite(
    "scipy.linalg.solve",
    samples=(
        call("scipy.linalg.solve(x, y)", (3, 3), (3,)),
        call("scipy.linalg.solve(x, y, transposed=True)", (3, 3), (3, 2)),
        call("scipy.linalg.solve(x, y, transposed=True)", (3, 3, 3), (3, 2)),
        call("scipy.linalg.solve(x + 3.0 * np.eye(3), y, assume_a='sym')", (3, 3, 3), (3,)),
        call(f"scipy.linalg.solve({_spd}, y, assume_a='pos')", (3, 3), (3,)),
        call(f"scipy.linalg.solve({_spd}, y, lower=True, assume_a='sym')", (3, 3), (3,)),
    ),
    takes_complex=True,
)
def scipy_solve(
    a,
    b,
    lower=False,
    overwrite_a=False,
    overwrite_b=False,
    check_finite=True,
    assume_a=None,
    transposed=False,
):
    matrix = _assumed(a, assume_a, lower)
    if transposed:
        return np.linalg.solve(transpose_of(matrix), b)
    return np.linalg.solve(matrix, b)


def _assumed(a, assume, lower):
    """The matrix that SciPy reads if `assume_a` makes an assumption about it."""
    if assume is None or assume == "gen" or assume == "general":
        return a
    if assume in ("sym", "her", "pos", "symmetric", "hermitian", "positive definite"):
        other = transpose_of(np.tril(a, -1) if lower else np.triu(a, 1))
        if a.dtype.kind == "c" and assume not in ("sym", "symmetric"):
            refuse("SciPy takes real diagonals of such matrices only", "Leave assume_a out.")
        return np.tril(a) + other if lower else np.triu(a) + other
    return refuse(f"assume_a={assume!r} is not differentiated", "Leave assume_a out.")


@composite(
    "scipy.linalg.cholesky",
    samples=(
        call(f"scipy.linalg.cholesky({_spd})", (3, 3)),
        call(f"scipy.linalg.cholesky({_spd}, lower=True)", (3, 3)),
    ),
    takes_complex=True,
)
def scipy_cholesky(a, lower=False, overwrite_a=False, check_finite=True):
    if lower:
        return np.linalg.cholesky(a)
    return adjoined(np.linalg.cholesky(adjoined(a)))


@composite(
    "scipy.linalg.pinv",
    samples=(call("scipy.linalg.pinv(x)", (4, 2)), call("scipy.linalg.pinv(x)", (2, 3))),
    takes_complex=True,
)
def scipy_pinv(a, *, atol=None, rtol=None, return_rank=False, check_finite=True):
    if return_rank or atol is not None:
        refuse("pinv with atol or return_rank is not differentiated", "Use rtol.")
    if rtol is None:
        return np.linalg.pinv(a)
    return np.linalg.pinv(a, rtol)


@composite(
    "scipy.linalg.svd",
    samples=(
        call(
            "scipy.linalg.svd(x, full_matrices=False)",
            (4, 2),
            complex_text="scipy.linalg.svd(x, compute_uv=False)",
        ),
        call("scipy.linalg.svd(x, compute_uv=False)", (2, 3)),
    ),
    takes_complex=True,
)
def scipy_svd(
    a,
    full_matrices=True,
    compute_uv=True,
    overwrite_a=False,
    check_finite=True,
    lapack_driver="gesdd",
):
    if not compute_uv:
        return svd_factors(a, full_matrices=False)[1]
    u, s, vh = svd_factors(a, full_matrices=full_matrices)
    return u, s, vh


@composite(
    "scipy.linalg.qr",
    samples=(
        call("scipy.linalg.qr(x, mode='economic')", (4, 2)),
        call("scipy.linalg.qr(x)", (2, 3)),
    ),
    takes_complex=True,
)
def scipy_qr(a, overwrite_a=False, lwork=None, mode="full", pivoting=False, check_finite=True):
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
_symmetrics = "x + np.conj(np.swapaxes(x, -1, -2)) + np.diag([0.0, 7.0, 15.0])"


@composite(
    "scipy.linalg.eigh",
    samples=(
        call(f"np.abs(scipy.linalg.eigh({_symmetric})[1])", (3, 3)),  # LAPACK chooses the signs
        call(f"np.abs(scipy.linalg.eigh({_symmetric}, lower=False)[1])", (3, 3)),
        call(f"scipy.linalg.eigh({_symmetric}, eigvals_only=True)", (3, 3)),
        call(f"scipy.linalg.eigh({_symmetric}, y @ np.conj(y).T + np.eye(3))[0]", (3, 3), (3, 3)),
        call(f"np.abs(scipy.linalg.eigh({_symmetrics}, lower=False)[1])", (2, 3, 3)),
        call(
            f"scipy.linalg.eigh({_symmetrics}, y @ np.conj(y).T + np.eye(3))[0]", (2, 3, 3), (3, 3)
        ),
    ),
    takes_complex=True,
)
def scipy_eigh(
    a,
    b=None,
    *,
    lower=True,
    eigvals_only=False,
    overwrite_a=False,
    overwrite_b=False,
    type=1,
    check_finite=True,
    subset_by_index=None,
    subset_by_value=None,
    driver=None,
):
    if subset_by_index is not None or subset_by_value is not None or type != 1:
        refuse(
            "scipy.linalg.eigh is differentiated for all eigenvalues, and type=1", "Pick from them."
        )
    if b is None:
        values, vectors = _symmetric_eigh(a, lower)
    else:
        root = np.linalg.cholesky(b if lower else adjoined(b))
        whole = symmetric_part(a) if lower else symmetric_of_upper(a)
        half = linalg.solve_triangular(root, whole, lower=True)
        inner = linalg.solve_triangular(root, adjoined(half), lower=True)
        values, vectors = _symmetric_eigh(inner, True)
        vectors = linalg.solve_triangular(conjugated(root), vectors, trans="T", lower=True)
    if eigvals_only:
        return values
    return values, vectors


def _symmetric_eigh(a, lower):
    if a.ndim == 2:
        return symmetric_eigh(a, lower=lower)
    return np.linalg.eigh(a, "L" if lower else "U")


@composite(
    "scipy.linalg.eigvalsh",
    samples=(call(f"scipy.linalg.eigvalsh({_symmetric})", (3, 3)),),
    takes_complex=True,
)
def scipy_eigvalsh(a, b=None, *, lower=True, check_finite=True):
    return linalg.eigh(a, b, lower=lower, eigvals_only=True)


# ---- factors in tuples -----------------------------------------------------------------------


@composite(
    "scipy.linalg.cho_factor",
    samples=(
        call(f"np.triu(scipy.linalg.cho_factor({_spd})[0])", (3, 3)),
        call(f"np.tril(scipy.linalg.cho_factor({_spd}, lower=True)[0])", (3, 3)),
    ),
    takes_complex=True,
)
def cho_factor(a, lower=False, overwrite_a=False, check_finite=True):
    return linalg.cholesky(a, lower=lower), lower


@composite(
    "scipy.linalg.lu_factor",
    samples=(
        call("scipy.linalg.lu_factor(x)[0]", (3, 3)),
        call("scipy.linalg.lu_factor(x)[0]", (2, 3, 3)),
    ),
    takes_complex=True,
)
def scipy_lu_factor(a, overwrite_a=False, check_finite=True):
    if a.ndim > 2:
        matrices = one_by_one(a, a.shape[:-2], a.shape[-2:])
        factors = np.empty(matrices.shape, np.result_type(a, 1.0))
        rows = np.empty(matrices.shape[:-1], np.int32)
        for k in range(len(matrices)):
            factors[k], rows[k] = lu_factor(matrices[k])
        return np.reshape(factors, a.shape), np.reshape(rows, a.shape[:-1])
    lu, pivots = lu_factor(a)
    return lu, pivots


@composite(
    "scipy.linalg.lu_solve",
    samples=(
        call("scipy.linalg.lu_solve(scipy.linalg.lu_factor(x), y)", (3, 3), (3,)),
        call("scipy.linalg.lu_solve(scipy.linalg.lu_factor(x), y, trans=1)", (3, 3), (3, 2)),
        call("scipy.linalg.lu_solve(scipy.linalg.lu_factor(x), y, trans=2)", (3, 3), (3,)),
        call("scipy.linalg.lu_solve(scipy.linalg.lu_factor(x), y, 2)", (2, 3, 3), (3,)),
        call("scipy.linalg.lu_solve(scipy.linalg.lu_factor(x), y)", (3, 3), (2, 3, 2)),
    ),
    takes_complex=True,
)
def scipy_lu_solve(lu_and_piv, b, trans=0, overwrite_b=False, check_finite=True):
    lu, pivots = lu_and_piv

    def solve(factors, rows, side):
        if trans == 2 and factors.dtype.kind == "c":
            return np.conj(lu_solve(factors, rows, conjugated(side), trans=1))
        return lu_solve(factors, rows, side, trans=trans)

    if lu.ndim > 2 or b.ndim > 2:
        return in_turn(solve, np.result_type(lu, b, 1.0), b, (2, 1), lu, pivots)
    return solve(lu, pivots, b)


# ---- functions of matrices -------------------------------------------------------------------

_near_one = "0.2 * x + np.diag([1.0, 2.0, 4.0])"


@composite(
    "scipy.linalg.sqrtm",
    samples=(
        call(f"scipy.linalg.sqrtm({_near_one})", (3, 3)),
        call(f"scipy.linalg.sqrtm({_near_one})", (2, 3, 3)),
    ),
    takes_complex=True,
)
def sqrtm(A):
    if A.ndim > 2:
        return of_each(linalg.sqrtm, A, np.result_type(A, 1.0))
    root = real_sqrtm(A)
    if A.dtype.kind != "c" and is_complex(root):
        raise ValueError(
            "the square root of this matrix is complex, and only real ones are differentiated"
        )
    return root


@composite(
    "scipy.linalg.logm",
    samples=(
        call(f"scipy.linalg.logm({_near_one})", (3, 3)),
        call(f"scipy.linalg.logm({_near_one})", (2, 3, 3)),
    ),
    takes_complex=True,
)
def logm(A):
    if A.ndim > 2:
        return of_each(linalg.logm, A, np.result_type(A, np.float64))
    logarithm = real_logm(A)
    if A.dtype.kind != "c" and is_complex(logarithm):
        raise ValueError(
            "the logarithm of this matrix is complex, and only real ones are differentiated"
        )
    return logarithm


@composite(
    "scipy.linalg.expm_frechet",
    samples=(
        call("scipy.linalg.expm_frechet(x, y)[1]", (2, 2), (2, 2)),
        call("scipy.linalg.expm_frechet(x, y)[1]", (2, 2, 2), (2, 2)),
    ),
    takes_complex=True,
    ignores=("method",),
)
def expm_frechet(A, E, method=None, compute_expm=True, check_finite=True):
    if A.ndim > 2 or E.ndim > 2:
        found = in_turn(expm_along, np.result_type(A, E, np.float64), E, (2,), A)
    else:
        found = expm_along(A, E)
    if compute_expm:
        return linalg.expm(np.broadcast_to(A, found.shape).astype(found.dtype)), found
    return found
