import numpy as np


def iterate_value_and_grad(x, r, n):
    """Value and gradient of `iterate` with respect to `x`, `r`."""
    # forward
    xs = np.empty(n)
    for t in range(n):
        xs[t] = x
        x = r * x * (1.0 - x)
    value = x

    # backward
    d_x = 1.0
    d_r = 0.0
    for x in reversed(xs):
        d_z = d_x * (1.0 - x)
        d_x = r * (d_z - d_x * x)
        d_r += d_z * x
    return value, (d_x, d_r)
