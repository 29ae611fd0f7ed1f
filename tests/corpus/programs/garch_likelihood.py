"""A variance recursion whose value enters a nonlinear sum before it is overwritten."""

import math


def neg_log_likelihood(omega, alpha, beta, returns):
    var = omega / (1.0 - alpha - beta)
    total = 0.0
    for r in returns:
        total += math.log(var) + r * r / var
        var = omega + alpha * r * r + beta * var
    return 0.5 * total


EXAMPLES = [
    (0.1, 0.2, 0.6, [0.3, -1.2, 0.8, 0.1, -0.5]),
    (0.3, 0.1, 0.5, [1.5, -0.2]),
]
WRT = (0, 1, 2)
FUNCTION = neg_log_likelihood
