import math
import numpy as np


def log_det_value_and_grad(A):
    """Value and gradient of `log_det` with respect to `A`."""
    # forward
    n = A.shape[0]
    L = np.zeros((n, n))
    for j in range(n):
        s = A[j, j]
        for k in range(j):
            s -= L[j, k] ** 2
        L[j, j] = math.sqrt(s)
        for i in range(j + 1, n):
            s = A[i, j]
            for k in range(j):
                s -= L[i, k] * L[j, k]
            L[i, j] = s / L[j, j]
    d_L = np.zeros_like(L)
    d_L[n - 1, 0] = 1.0
    total = 0.0
    for i in range(n):
        total += 2.0 * math.log(L[i, i])
        d_L[i, i] += 2.0 / L[i, i]
    value = total + L[n - 1, 0]

    # backward
    d_A = np.zeros_like(A)
    for j in reversed(range(n)):
        for i in reversed(range(j + 1, n)):
            d_s = d_L[i, j] / L[j, j]
            d_L[j, j] -= d_L[i, j] * L[i, j] / L[j, j]
            for k in range(j):
                d_L[j, k] -= d_s * L[i, k]
                d_L[i, k] -= d_s * L[j, k]
            d_A[i, j] += d_s
        d_s = d_L[j, j] / (2.0 * L[j, j])
        for k in range(j):
            d_L[j, k] -= 2.0 * d_s * L[j, k]
        d_A[j, j] += d_s
    return value, (d_A,)
