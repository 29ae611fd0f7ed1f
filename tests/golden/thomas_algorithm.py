import numpy as np


def solve_tridiagonal(lower, diag, upper, rhs):
    n = len(diag)
    c = np.empty(n)
    x = np.empty(n)
    c[0] = upper[0] / diag[0]
    x[0] = rhs[0] / diag[0]
    for i in range(1, n):
        pivot = diag[i] - lower[i] * c[i - 1]
        c[i] = upper[i] / pivot
        x[i] = (rhs[i] - lower[i] * x[i - 1]) / pivot
    for i in range(n - 2, -1, -1):
        x[i] -= c[i] * x[i + 1]
    return x


def solve_tridiagonal_backward(d_out, lower, diag, upper, rhs):
    """Adjoint of `solve_tridiagonal` with respect to `lower`, `diag`, `upper`, `rhs`."""
    # forward
    n = len(diag)
    c = np.empty(n)
    x = np.empty(n)
    ratio = upper[0] / diag[0]
    c[0] = ratio
    x[0] = rhs[0] / diag[0]
    old_x = np.empty(n)
    for i in range(1, n):
        pivot = diag[i] - lower[i] * c[i - 1]
        c[i] = upper[i] / pivot
        old_x[i] = x[i - 1]
        x[i] = (rhs[i] - lower[i] * x[i - 1]) / pivot
    for i in range(n - 2, -1, -1):
        x[i] -= c[i] * x[i + 1]

    # backward
    d_x = d_out.copy()
    d_c = np.zeros_like(c)
    for i in range(n - 1):
        product = -d_x[i] * x[i + 1]
        d_x[i + 1] -= d_x[i] * c[i]
        d_c[i] += product
    d_diag = np.zeros_like(diag)
    d_lower = np.zeros_like(lower)
    d_upper = np.zeros_like(upper)
    d_rhs = np.zeros_like(rhs)
    for i in reversed(range(1, n)):
        pivot = diag[i] - lower[i] * c[i - 1]
        numerator = d_x[i]
        share = numerator / pivot
        d_x[i - 1] -= share * lower[i]
        d_lower[i] -= share * old_x[i]
        d_rhs[i] += share
        d_pivot = (numerator * (lower[i] * old_x[i] - rhs[i]) / pivot - d_c[i] * c[i]) / pivot
        d_upper[i] += d_c[i] / pivot
        d_c[i - 1] -= d_pivot * lower[i]
        d_lower[i] -= d_pivot * c[i - 1]
        d_diag[i] += d_pivot
    d_diag[0] -= d_x[0] * (rhs[0] / diag[0]) / diag[0]
    d_rhs[0] += d_x[0] / diag[0]
    d_diag[0] -= d_c[0] * ratio / diag[0]
    d_upper[0] += d_c[0] / diag[0]
    return d_lower, d_diag, d_upper, d_rhs


def compliance_value_and_grad(lower, diag, upper, rhs):
    """Value and gradient of `compliance` with respect to `lower`, `diag`, `upper`, `rhs`."""
    # forward
    solve_tridiagonal_result = solve_tridiagonal(lower, diag, upper, rhs)
    value = rhs @ solve_tridiagonal_result

    # backward
    d_lower, d_diag, d_upper, d_rhs = solve_tridiagonal_backward(rhs, lower, diag, upper, rhs)
    d_rhs = solve_tridiagonal_result + d_rhs
    return value, (d_lower, d_diag, d_upper, d_rhs)
