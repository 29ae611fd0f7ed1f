import numpy as np


def diffuse_value_and_grad(u0, k, steps):
    """Value and gradient of `diffuse` with respect to `u0`, `k`."""
    # forward
    u = u0.copy()
    v = u0.copy()
    old_u = np.empty((steps, len(u0)))
    totals = np.empty((steps, len(u0)))
    for t in range(steps):
        for i in range(1, len(u) - 1):
            old_u[t, i] = u[i]
            total = u[i - 1] - 2.0 * u[i] + u[i + 1]
            totals[t, i] = total
            v[i] = u[i] + k * u[i] * total
        u, v = v, u
    arange = np.arange(1.0, len(u) + 1.0)
    value = np.sum(u * arange)

    # backward
    d_v = np.broadcast_to(arange, len(u0)).copy()
    d_u = np.zeros_like(v)
    d_k = 0.0
    for t in reversed(range(steps)):
        for i in reversed(range(1, len(u0) - 1)):
            d_v_item = d_v[i]
            d_z = d_v_item * totals[t, i]
            product = d_v_item * k * old_u[t, i]
            d_v[i] = 0.0
            d_u[i + 1] += product
            d_u[i - 1] += product
            d_u[i] += d_z * k + d_v_item - 2.0 * product
            d_k += d_z * old_u[t, i]
        d_v, d_u = d_u, d_v
    return value, (d_u + d_v, d_k)
