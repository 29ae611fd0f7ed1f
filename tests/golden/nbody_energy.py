import math
import numpy as np


def potential_value_and_grad(x, m, eps):
    """Value and gradient of `potential` with respect to `x`, `m`, `eps`."""
    # forward
    n, dim = x.shape
    r2s = np.empty((n, n))
    energy = 0.0
    for i in range(n):
        for j in range(i + 1, n):
            r2 = eps * eps
            for d in range(dim):
                r2 += (x[i, d] - x[j, d]) ** 2
            r2s[i, j] = r2
            energy -= m[i] * m[j] / math.sqrt(r2)

    # backward
    d_x = np.zeros_like(x)
    d_m = np.zeros_like(m)
    d_eps = 0.0
    for i in range(n):
        for j in range(i + 1, n):
            denominator = math.sqrt(r2s[i, j])
            d_r2 = 0.5 * m[i] * m[j] / denominator**3
            d_m[j] -= 1.0 / denominator * m[i]
            d_m[i] -= 1.0 / denominator * m[j]
            for d in range(dim):
                product = 2 * d_r2 * (x[i, d] - x[j, d])
                d_x[j, d] -= product
                d_x[i, d] += product
            d_eps += 2.0 * d_r2 * eps
    return energy, (d_x, d_m, d_eps)
