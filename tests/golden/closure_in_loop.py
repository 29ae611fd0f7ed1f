import numpy as np


def bump(r, i, width):
    return np.exp(-r * r / width) * (i + 1)


def bump_backward(d_out, r, i, width):
    """Adjoint of `bump` with respect to `r`, `width`."""
    # forward
    exponent = -r * r / width

    # backward
    d_exponent = d_out * (i + 1) * np.exp(exponent)
    return -2.0 * (d_exponent / width) * r, -d_exponent * exponent / width


def layered_value_and_grad(x, scales):
    """Value and gradient of `layered` with respect to `x`, `scales`."""
    # forward
    xs = np.empty(len(scales))
    bump_results = np.empty(len(scales))
    values = np.empty(len(scales))
    total = 0.0
    for i in range(len(scales)):
        xs[i] = x
        width = scales[i] ** 2 + 0.5
        bump_result = bump(x - 0.5, i, width)
        bump_results[i] = bump_result
        value = bump(x + scales[i], i, width)
        values[i] = value
        total += bump_result * value
        x = x + 0.1 * total

    # backward
    d_scales = np.empty_like(scales)
    d_total = 1.0
    d_x = 0.0
    for i in reversed(range(len(scales))):
        width = scales[i] ** 2 + 0.5
        d_total += 0.1 * d_x
        d_r, d_width = bump_backward(d_total * bump_results[i], xs[i] + scales[i], i, width)
        d_r_part, d_width_part = bump_backward(d_total * values[i], xs[i] - 0.5, i, width)
        d_scales[i] = d_r + 2 * (d_width + d_width_part) * scales[i]
        d_x += d_r + d_r_part
    return total, (d_x, d_scales)
