"""Cholesky factorisation for compiled code, with a result that states whether a factor exists, and solutions with it.

Numba's `np.linalg.cholesky` raises instead, and Numba has no solutions from factors. Both routines are LAPACK's, from
`scipy.linalg.cython_lapack`, under symbols of srcdiff (see `scipy_special`). They compute in float64. A symmetric
matrix is the same in row-major and in LAPACK's column-major order, where a lower factor is an upper one.
"""

import numpy as np
from llvmlite.binding import add_symbol
from numba import njit, types
from numba.extending import get_cython_function_address
from scipy.linalg import cython_lapack

_INTS = types.CPointer(types.int32)
_DOUBLES = types.CPointer(types.float64)
_CHARS = types.CPointer(types.uint8)


def lapack_function(name, *arguments):
    """The external function for compiled code of a LAPACK subroutine."""
    assert name in cython_lapack.__pyx_capi__
    add_symbol(
        f"scipy_lapack_{name}", get_cython_function_address("scipy.linalg.cython_lapack", name)
    )
    return types.ExternalFunction(f"scipy_lapack_{name}", types.void(*arguments))


lapack_dpotrf = lapack_function("dpotrf", _CHARS, _INTS, _DOUBLES, _INTS, _INTS)
lapack_dpotrs = lapack_function(
    "dpotrs", _CHARS, _INTS, _INTS, _DOUBLES, _INTS, _DOUBLES, _INTS, _INTS
)


@njit
def cholesky_factor(a):
    """The lower factor of a symmetric matrix, and 0 if the matrix is positive definite."""
    n = len(a)
    factor = np.empty((n, n))
    for i in range(n):
        factor[i, : i + 1] = a[i, : i + 1]
        factor[i, i + 1 :] = 0.0
    upper, size, info = np.array([85], np.uint8), np.array([n], np.int32), np.zeros(1, np.int32)
    if n > 0:
        lapack_dpotrf(upper.ctypes, size.ctypes, factor.ctypes, size.ctypes, info.ctypes)
    floats = np.sqrt(np.empty(0, a.dtype))  # its dtype is a float dtype, for integers too
    return factor.astype(floats.dtype), np.int64(info[0])


@njit
def cholesky_solve(a, factor, b):
    """The solution of a system from the Cholesky factor of its matrix; `a` determines the dtype only."""
    n = len(factor)
    columns = np.ascontiguousarray(b.T).astype(np.float64)
    own = np.ascontiguousarray(factor).astype(np.float64)
    if columns.size > 0:
        upper, size = np.array([85], np.uint8), np.array([n], np.int32)
        count, info = np.array([columns.size // n], np.int32), np.zeros(1, np.int32)
        lapack_dpotrs(
            upper.ctypes, size.ctypes, count.ctypes, own.ctypes, size.ctypes, columns.ctypes,
            size.ctypes, info.ctypes,
        )  # fmt: skip
    floats = np.sqrt(np.empty(0, a.dtype)) + np.sqrt(np.empty(0, b.dtype))
    return np.ascontiguousarray(columns.T).astype(floats.dtype)
