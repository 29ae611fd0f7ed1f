import numpy as np


def geometric(x, r):
    weight = 1.0
    total = 0.0
    for i in range(len(x)):
        weight = weight * (r + x[i] ** 2)
        total += weight
    return total


def geometric_backward(d_out, x, r):
    """Adjoint of `geometric` with respect to `x`."""
    # forward
    weights = np.empty(len(x))
    weight = 1.0
    for i in range(len(x)):
        weights[i] = weight
        weight = weight * (r + x[i] ** 2)

    # backward
    d_x = np.empty_like(x)
    d_weight = 0.0
    for i in reversed(range(len(x))):
        d_x[i] = 2.0 * (d_weight + d_out) * weights[i] * x[i]
        d_weight = (d_weight + d_out) * (r + x[i] ** 2)
    return d_x


def geometric_backward_2(d_out, x, r):
    """Adjoint of `geometric` with respect to `x`, `r`."""
    # forward
    weights = np.empty(len(x))
    weight = 1.0
    for i in range(len(x)):
        weights[i] = weight
        weight = weight * (r + x[i] ** 2)

    # backward
    d_x = np.empty_like(x)
    d_weight = 0.0
    d_r = 0.0
    for i in reversed(range(len(x))):
        product = (d_weight + d_out) * weights[i]
        d_x[i] = 2 * product * x[i]
        d_weight = (d_weight + d_out) * (r + x[i] ** 2)
        d_r += product
    return d_x, d_r


def contrast_value_and_grad(x, y, r):
    """Value and gradient of `contrast` with respect to `x`, `y`, `r`."""
    # forward
    denominator = geometric(x, r)
    geometric_result_y = geometric(y, r * r)
    geometric_result_x = geometric(x, 0.5)
    value = np.log(denominator) - geometric_result_y * geometric_result_x

    # backward
    d_y, d_r = geometric_backward_2(-geometric_result_x, y, r * r)
    d_x, d_r_part = geometric_backward_2(1.0 / denominator, x, r)
    d_x = geometric_backward(-geometric_result_y, x, 0.5) + d_x
    d_r = 2.0 * d_r * r + d_r_part
    return value, (d_x, d_y, d_r)
