import numpy as np


def soft_min(a, b, c, gamma):
    candidate = -a / gamma
    ratio_b = -b / gamma
    ratio_c = -c / gamma
    larger = np.maximum(np.maximum(candidate, ratio_b), ratio_c)
    shift = larger if np.isfinite(larger) else 0.0
    return (
        -gamma
        * (
            np.log(np.exp(candidate - shift) + np.exp(ratio_b - shift) + np.exp(ratio_c - shift))
            + shift
        )
    )


def soft_min_backward(d_out, a, b, c, gamma):
    """Adjoint of `soft_min` with respect to `a`, `b`, `c`, `gamma`."""
    # forward
    candidate = -a / gamma
    ratio_b = -b / gamma
    ratio_c = -c / gamma
    larger = np.maximum(np.maximum(candidate, ratio_b), ratio_c)
    shift = larger if np.isfinite(larger) else 0.0
    exponential_a = np.exp(candidate - shift)
    exponential_b = np.exp(ratio_b - shift)
    exponential_c = np.exp(ratio_c - shift)
    denominator = exponential_a + exponential_b + exponential_c

    # backward
    d_denominator = d_out * -gamma / denominator
    ratio = (
        (
            d_denominator * exponential_c * ratio_c
            + d_denominator * exponential_b * ratio_b
            + d_denominator * exponential_a * candidate
        )
        / gamma
    )
    d_gamma = -(ratio + d_out * (np.log(denominator) + shift))
    return (
        -(d_denominator * exponential_a / gamma),
        -(d_denominator * exponential_b / gamma),
        -(d_denominator * exponential_c / gamma),
        d_gamma,
    )


def distance_value_and_grad(x, y, gap, gamma):
    """Value and gradient of `distance` with respect to `x`, `y`, `gap`, `gamma`."""
    # forward
    n, m = len(x), len(y)
    D = np.zeros((n + 1, m + 1))
    for i in range(1, n + 1):
        D[i, 0] = i * gap
    for j in range(1, m + 1):
        D[0, j] = j * gap
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            cost = (x[i - 1] - y[j - 1]) ** 2
            D[i, j] = soft_min(D[i - 1, j] + gap, D[i, j - 1] + gap, D[i - 1, j - 1] + cost, gamma)

    # backward
    d_D = np.zeros_like(D)
    d_D[n, m] = 1.0
    d_x = np.zeros_like(x)
    d_y = np.zeros_like(y)
    d_gap = 0.0
    d_gamma = 0.0
    for i in reversed(range(1, n + 1)):
        for j in reversed(range(1, m + 1)):
            difference = x[i - 1] - y[j - 1]
            d_a, d_b, d_cost, d_gamma_part = soft_min_backward(
                d_D[i, j],
                D[i - 1, j] + gap,
                D[i, j - 1] + gap,
                D[i - 1, j - 1] + difference**2,
                gamma,
            )
            d_D[i - 1, j - 1] += d_cost
            d_D[i, j - 1] += d_b
            d_D[i - 1, j] += d_a
            d_difference = 2 * d_cost * difference
            d_y[j - 1] -= d_difference
            d_x[i - 1] += d_difference
            d_gap += d_b + d_a
            d_gamma += d_gamma_part
    for j in range(1, m + 1):
        d_gap += d_D[0, j] * j
    for i in range(1, n + 1):
        d_gap += d_D[i, 0] * i
    return D[n, m], (d_x, d_y, d_gap, d_gamma)
