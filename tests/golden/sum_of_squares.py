import numpy as np


def sum_of_squares_value_and_grad(x):
    """Value and gradient of `sum_of_squares` with respect to `x`."""
    d_x = np.empty_like(x)
    s = 0.0
    for i in range(len(x)):
        t = np.exp(x[i])
        s += t * t
        d_x[i] = 2.0 * t * t
    return s, (d_x,)
