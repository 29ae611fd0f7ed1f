import numpy as np


def layered_value_and_grad(x, scales):
    """Value and gradient of `layered` with respect to `x`, `scales`."""
    # forward
    xs = np.empty(len(scales))
    total = 0.0
    for i in range(len(scales)):
        xs[i] = x
        width = scales[i] ** 2 + 0.5
        total += (
            np.exp(-(x - 0.5) * (x - 0.5) / width)
            * (i + 1)
            * (np.exp(-(x + scales[i]) * (x + scales[i]) / width) * (i + 1))
        )
        x = x + 0.1 * total

    # backward
    d_scales = np.empty_like(scales)
    d_total = 1.0
    d_x = 0.0
    for i in reversed(range(len(scales))):
        width = scales[i] ** 2 + 0.5
        difference = xs[i] - 0.5
        exponent = -difference * difference / width
        exponential = np.exp(exponent)
        combined = xs[i] + scales[i]
        ratio = -combined * combined / width
        grown = np.exp(ratio)
        d_total += 0.1 * d_x
        d_ratio = d_total * exponential * (i + 1) * (i + 1) * grown
        d_combined = d_ratio / width * (-combined - combined)
        d_exponent = d_total * grown * (i + 1) * (i + 1) * exponential
        d_scales[i] = (
            d_combined - 2.0 * scales[i] * (d_ratio * ratio + d_exponent * exponent) / width
        )
        d_x += d_exponent / width * (-difference - difference) + d_combined
    return total, (d_x, d_scales)
