"""Cholesky factorisation for compiled code, with a result that states whether a factor exists, and solutions with it.

Numba's `np.linalg.cholesky` raises instead, and Numba has no solutions from factors. The routines compute in float64. A
symmetric matrix is the same in row-major and in LAPACK's column-major order, where a lower factor is an upper one.
"""

import numpy as np
from numba import njit

from srcdiff.runtime.linear import in_columns, lapack, right_sides

_UPPER = np.uint8(85)
potrf = lapack("potrf", "d")
potrs = lapack("potrs", "d")


@njit
def cholesky_factor(a):
    """The lower factor of a symmetric matrix, and 0 if the matrix is positive definite."""
    n, info = len(a), np.int64(0)
    factor = np.zeros((n, n))
    for i in range(n):  # Numba compiles this in a tenth of the time of slices
        for j in range(i + 1):
            factor[i, j] = a[i, j]
    if n > 0:
        info = potrf((_UPPER, n, factor, n))
    floats = np.sqrt(np.empty(0, a.dtype))  # its dtype is a float dtype, for integers too
    return factor.astype(floats.dtype), info


@njit
def cholesky_solve(a, factor, b):
    """The solution of a system from the Cholesky factor of its matrix; `a` determines the dtype only."""
    n, columns = len(factor), right_sides(b).astype(np.float64)
    if columns.size > 0:
        potrs((_UPPER, n, len(columns), factor.astype(np.float64), n, columns, n))
    floats = np.sqrt(np.empty(0, a.dtype)) + np.sqrt(np.empty(0, b.dtype))
    return in_columns(columns).reshape(b.shape).astype(floats.dtype)
