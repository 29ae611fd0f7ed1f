import numpy as np
from scipy.special import expit


def cost_value_and_grad(w, b, x, y):
    """Value and gradient of `cost` with respect to `w`, `b`."""
    # forward
    logit = x @ w + b
    loss = y * np.logaddexp(0.0, -logit) + (1.0 - y) * np.logaddexp(0.0, logit)
    value = loss.mean() + 0.01 * (w**2).sum()

    # backward
    d_logit = (expit(logit) - y) / len(x)
    d_b = np.sum(d_logit)
    d_w = 0.02 * w + x.T @ d_logit
    return value, (d_w, d_b)
