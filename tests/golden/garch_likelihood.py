import math
import numpy as np


def neg_log_likelihood_value_and_grad(omega, alpha, beta, returns):
    """Value and gradient of `neg_log_likelihood` with respect to `omega`, `alpha`, `beta`."""
    # forward
    denominator = 1.0 - alpha - beta
    initial_var = omega / denominator
    vars = np.empty(len(returns))
    total = 0.0
    var = initial_var
    for i, r in enumerate(returns):
        vars[i] = var
        total += math.log(var) + r * r / var
        var = omega + alpha * r * r + beta * var
    value = 0.5 * total

    # backward
    d_var = 0.0
    d_alpha = 0.0
    d_omega = 0.0
    d_beta = 0.0
    for i in reversed(range(len(returns))):
        d_alpha += d_var * returns[i] * returns[i]
        d_var_part = 0.5 * (1.0 - returns[i] * returns[i] / vars[i]) / vars[i] + d_var * beta
        d_omega += d_var
        d_beta += d_var * vars[i]
        d_var = d_var_part
    d_omega += d_var / denominator
    ratio = d_var * initial_var / denominator
    d_beta += ratio
    d_alpha += ratio
    return value, (d_omega, d_alpha, d_beta)
