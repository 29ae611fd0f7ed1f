import numpy as np


def soft_min(a, b, c, gamma):
    return -gamma * np.log(np.exp(-a / gamma) + np.exp(-b / gamma) + np.exp(-c / gamma))


def soft_min_backward(d_out, a, b, c, gamma):
    """Adjoint of `soft_min` with respect to `a`, `b`, `c`, `gamma`."""
    # forward
    exponent = -a / gamma
    exponential = np.exp(exponent)
    ratio = -b / gamma
    exponential_of_ratio = np.exp(ratio)
    ratio_of_gamma = -c / gamma
    exponential_of_ratio_of_gamma = np.exp(ratio_of_gamma)
    argument = exponential + exponential_of_ratio + exponential_of_ratio_of_gamma

    # backward
    d_argument = d_out * -gamma / argument
    d_c = -(d_argument * exponential_of_ratio_of_gamma / gamma)
    d_b = -(d_argument * exponential_of_ratio / gamma)
    d_a = -(d_argument * exponential / gamma)
    value = (
        (
            d_argument * exponential_of_ratio_of_gamma * ratio_of_gamma
            + d_argument * exponential_of_ratio * ratio
            + d_argument * exponential * exponent
        )
        / gamma
    )
    d_gamma = -(value + d_out * np.log(argument))
    return d_a, d_b, d_c, d_gamma


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
    d_D = np.zeros((len(D), D.shape[1]))
    d_D[n, m] += 1.0
    d_x = np.zeros_like(x)
    d_y = np.zeros_like(y)
    d_gap = 0.0
    d_gamma = 0.0
    for i in reversed(range(1, n + 1)):
        for j in reversed(range(1, D.shape[1])):
            difference = i - 1
            difference_of_j = j - 1
            base = x[difference] - y[difference_of_j]
            d_a, d_b, d_c, d_gamma_part = soft_min_backward(
                d_D[i, j],
                D[difference, j] + gap,
                D[i, difference_of_j] + gap,
                D[difference, difference_of_j] + base**2,
                gamma,
            )
            d_D[i, j] = 0.0
            d_D[difference, difference_of_j] += d_c
            d_D[i, difference_of_j] += d_b
            d_D[difference, j] += d_a
            d_base = d_c * 2 * base
            d_y[difference_of_j] -= d_base
            d_x[difference] += d_base
            d_gap += d_b + d_a
            d_gamma += d_gamma_part
    for j in range(1, m + 1):
        d_gap += d_D[0, j] * j
        d_D[0, j] = 0.0
    for i in range(1, n + 1):
        d_gap += d_D[i, 0] * i
        d_D[i, 0] = 0.0
    return D[n, m], (d_x, d_y, d_gap, d_gamma)
