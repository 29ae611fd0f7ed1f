import numpy as np


def evaluate(kernel, x, z):
    r2 = np.sum(((x - z) / kernel.scales) ** 2)
    return kernel.amplitude**2 * (1.0 + 0.5 * r2 / kernel.order) ** -kernel.order


def evaluate_backward(d_out, kernel, x, z):
    """Adjoint of `evaluate` with respect to `kernel`, `x`, `z`."""
    # forward
    ratio = (x - z) / kernel.scales
    r2 = np.sum(ratio**2)
    total = 1.0 + 0.5 * r2 / kernel.order
    negated = -kernel.order

    # backward
    numerator = (
        d_out * kernel.amplitude**2 * negated * total ** (1 if negated == 0 else negated - 1)
    )
    d_ratio = numerator / kernel.order * ratio
    d_x = d_ratio / kernel.scales
    d_kernel_scales = -d_ratio * ratio / kernel.scales
    return (
        Kernel(
            amplitude=2.0 * d_out * total**negated * kernel.amplitude,
            scales=d_kernel_scales,
            order=None,
        ),
        d_x,
        -d_x,
    )


def gram_sum_value_and_grad(kernel, X):
    """Value and gradient of `gram_sum` with respect to `kernel`, `X`."""
    d_X = np.zeros_like(X)
    d_kernel_scales = np.zeros_like(kernel.scales)
    total = 0.0
    d_kernel_amplitude = 0.0
    for i in range(len(X)):
        for j in range(i + 1):
            total += evaluate(kernel, X[i], X[j]) * (i + 1)
            d_kernel, d_x, d_z = evaluate_backward(1.0 * (i + 1), kernel, X[i], X[j])
            d_kernel_scales += d_kernel.scales
            d_X[j] += d_z
            d_X[i] += d_x
            d_kernel_amplitude += d_kernel.amplitude
    return total, (Kernel(amplitude=d_kernel_amplitude, scales=d_kernel_scales, order=None), d_X)
