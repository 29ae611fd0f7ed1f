import numpy as np


def misfit_value_and_grad(u0, k, target, steps):
    """Value and gradient of `misfit` with respect to `u0`."""
    # forward
    u = u0.copy()
    v = np.zeros_like(u)
    for _ in range(steps):
        for i in range(1, len(u) - 1):
            v[i] = u[i] + k * (u[i - 1] - 2.0 * u[i] + u[i + 1])
        for i in range(1, len(u) - 1):
            u[i] = v[i]
    d_u = np.empty_like(u)
    s = 0.0
    for i in range(len(u)):
        s += (u[i] - target[i]) ** 2
        d_u[i] = 2.0 * (u[i] - target[i])

    # backward
    d_v = np.zeros_like(v)
    for _ in range(steps):
        for i in range(1, len(u0) - 1):
            d_v[i] += d_u[i]
            d_u[i] = 0.0
        for i in range(1, len(u0) - 1):
            d_u[i + 1] += d_v[i] * k
            d_u[i - 1] += d_v[i] * k
            d_u[i] += d_v[i] - 2.0 * (d_v[i] * k)
            d_v[i] = 0.0
    return s, (d_u,)
