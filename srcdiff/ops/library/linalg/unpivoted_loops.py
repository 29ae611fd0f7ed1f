"""Factorisations and systems of small matrices as loops over numbers, for devices, which have no LAPACK.

The algorithms are Gaussian elimination by columns with partial pivoting, and Cholesky's factorisation row by row (Golub
and Van Loan, Matrix Computations, algorithms 3.4.1 and 4.2.1). In a stack, each matrix is factored on its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from srcdiff.ops.core.lazy_module import LazyModule

linalg = LazyModule("scipy.linalg")


def own_floats(a):
    """A writable copy, in a float dtype."""
    return a.copy() if a.dtype.kind == "f" else 1.0 * a


def pivot_row(lu, k):
    """The row, from `k` on, with the largest entry in column `k`, and the absolute value of that entry."""
    pivot = k
    largest = abs(lu[k, k])
    for i in range(k + 1, len(lu)):
        size = abs(lu[i, k])
        if size > largest:
            pivot = i
            largest = size
    return pivot, largest


def swap_rows(x, i, k):
    """Exchange two rows of a matrix, or two entries of a vector."""
    if x.ndim == 1:
        entry = x[i]
        x[i] = x[k]
        x[k] = entry
    else:
        for j in range(x.shape[1]):
            entry = x[i, j]
            x[i, j] = x[k, j]
            x[k, j] = entry


def clear_below(lu, k):
    """Subtract multiples of row `k` from the rows below; the factors are stored in the place of zeros."""
    for i in range(k + 1, len(lu)):
        factor = lu[i, k] / lu[k, k]
        lu[i, k] = factor
        for j in range(k + 1, len(lu)):
            lu[i, j] -= factor * lu[k, j]


def clear_right_sides(lu, x, k):
    """Subtract the same multiples in the right-hand sides."""
    for i in range(k + 1, len(lu)):
        if x.ndim == 1:
            x[i] -= lu[i, k] * x[k]
        else:
            for j in range(x.shape[1]):
                x[i, j] -= lu[i, k] * x[k, j]


def substitute(lu, x):
    """Back substitution with the upper triangle."""
    for k in range(len(lu) - 1, -1, -1):
        if x.ndim == 1:
            total = x[k]
            for i in range(k + 1, len(lu)):
                total -= lu[k, i] * x[i]
            x[k] = total / lu[k, k]
        else:
            for j in range(x.shape[1]):
                total = x[k, j]
                for i in range(k + 1, len(lu)):
                    total -= lu[k, i] * x[i, j]
                x[k, j] = total / lu[k, k]


def solve_into(lu, x):
    """Solve systems: `x` holds the right-hand sides, and then the solutions; `lu` is overwritten."""
    for k in range(len(lu)):
        pivot, largest = pivot_row(lu, k)
        if largest == 0.0:
            raise np.linalg.LinAlgError("Singular matrix")
        if pivot != k:
            swap_rows(lu, k, pivot)
            swap_rows(x, k, pivot)
        clear_below(lu, k)
        clear_right_sides(lu, x, k)
    substitute(lu, x)


def sign_of(lu, is_odd):
    """The sign of a determinant from the diagonal of the factor; 0 for a singular matrix."""
    sign = -1.0 if is_odd else 1.0
    for k in range(len(lu)):
        if lu[k, k] < 0.0:
            sign = -sign
        if lu[k, k] == 0.0:
            sign = 0.0
    return sign


def eliminate(lu):
    """Overwrite a matrix by its factors; the result is whether the number of row exchanges is odd."""
    is_odd = False
    for k in range(len(lu)):
        pivot, largest = pivot_row(lu, k)
        if pivot != k:
            swap_rows(lu, k, pivot)
            is_odd = not is_odd
        if largest != 0.0:
            clear_below(lu, k)
    return is_odd


def solve_in_loops(a, b):
    if a.ndim > 2 or b.ndim > 2:
        batch = len(a) if a.ndim > 2 else len(b)
        result = np.empty((batch, *b.shape[-2:]) if b.ndim > 1 else (batch, len(b)))
        for k in range(batch):
            result[k] = np.linalg.solve(a[k] if a.ndim > 2 else a, b[k] if b.ndim > 2 else b)
    else:
        lu = own_floats(a)
        result = own_floats(b)
        solve_into(lu, result)


def inv_in_loops(a):
    if a.ndim > 2:
        result = np.empty_like(a)
        for k in range(len(a)):
            result[k] = np.linalg.inv(a[k])
    else:
        lu = own_floats(a)
        result = np.zeros_like(lu)
        for i in range(len(a)):
            result[i, i] = 1.0
        solve_into(lu, result)


def det_in_loops(a):
    if a.ndim > 2:
        result: Any = np.empty(len(a))
        for k in range(len(a)):
            result[k] = np.linalg.det(a[k])
    else:
        lu = own_floats(a)
        result = -1.0 if eliminate(lu) else 1.0
        for k in range(len(a)):
            result *= lu[k, k]


def slogdet_in_loops(a):
    if a.ndim > 2:
        signs = np.empty(len(a))
        logs = np.empty(len(a))
        for k in range(len(a)):
            signs[k], logs[k] = np.linalg.slogdet(a[k])
        result: Any = signs, logs
    else:
        lu = own_floats(a)
        is_odd = eliminate(lu)
        sign = sign_of(lu, is_odd)
        log = 0.0
        for k in range(len(a)):
            log += np.log(abs(lu[k, k]))
        result = sign, log


def begin_row(factor, a, i):
    """Fill row `i` of Cholesky's factor before the diagonal; the result is the square of the diagonal entry."""
    for j in range(i):
        total = a[i, j]
        for k in range(j):
            total -= factor[i, k] * factor[j, k]
        factor[i, j] = total / factor[j, j]
    square = 1.0 * a[i, i]
    for k in range(i):
        square -= factor[i, k] ** 2
    return square


def cholesky_in_loops(a):
    if a.ndim > 2:
        result = np.empty_like(a)
        for k in range(len(a)):
            result[k] = np.linalg.cholesky(a[k])
    else:
        result = np.zeros(a.shape)
        for i in range(len(a)):
            square = begin_row(result, a, i)
            if not square > 0.0:
                raise np.linalg.LinAlgError("Matrix is not positive definite")
            result[i, i] = np.sqrt(square)


def potrf_in_loops(a):
    factor = np.zeros(a.shape)
    info = 0
    for i in range(len(a)):
        square = begin_row(factor, a, i)
        if info == 0 and not square > 0.0:
            info = i + 1
        factor[i, i] = np.sqrt(square) if square > 0.0 else 1.0
    result = factor, info


def definite_solve_in_loops(a, factor, b):
    half = linalg.solve_triangular(factor, b, lower=True)
    result = linalg.solve_triangular(factor, half, trans="T", lower=True)


def definite_logdet_in_loops(a, factor):
    result = 0.0
    for k in range(len(factor)):
        result += 2.0 * np.log(factor[k, k])
