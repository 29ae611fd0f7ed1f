import numpy as np


def soft_min(a, b, c, gamma):
    return -gamma * np.log(np.exp(-a / gamma) + np.exp(-b / gamma) + np.exp(-c / gamma))


def soft_min_backward(d_out, a, b, c, gamma):
    """Adjoint of `soft_min` with respect to `a`, `b`, `c`, `gamma`."""
    # forward
    exponent_a = -a / gamma
    exponential_a = np.exp(exponent_a)
    exponent_b = -b / gamma
    exponential_b = np.exp(exponent_b)
    exponent_c = -c / gamma
    exponential_c = np.exp(exponent_c)
    denominator = exponential_a + exponential_b + exponential_c

    # backward
    d_denominator = d_out * -gamma / denominator
    ratio = (
        (
            d_denominator * exponential_c * exponent_c
            + d_denominator * exponential_b * exponent_b
            + d_denominator * exponential_a * exponent_a
        )
        / gamma
    )
    d_gamma = -(ratio + d_out * np.log(denominator))
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
            d_a, d_b, d_c, d_gamma_part = soft_min_backward(
                d_D[i, j],
                D[i - 1, j] + gap,
                D[i, j - 1] + gap,
                D[i - 1, j - 1] + difference**2,
                gamma,
            )
            d_D[i - 1, j - 1] += d_c
            d_D[i, j - 1] += d_b
            d_D[i - 1, j] += d_a
            d_difference = 2 * d_c * difference
            d_y[j - 1] -= d_difference
            d_x[i - 1] += d_difference
            d_gap += d_b + d_a
            d_gamma += d_gamma_part
    for j in range(1, m + 1):
        d_gap += d_D[0, j] * j
    for i in range(1, n + 1):
        d_gap += d_D[i, 0] * i
    return D[n, m], (d_x, d_y, d_gap, d_gamma)
