import numpy as np
from scipy.special import log_softmax


def cross_entropy_value_and_grad(W, b, X, labels):
    """Value and gradient of `cross_entropy` with respect to `W`, `X`."""
    # forward
    logits = X @ W + b
    log_p = log_softmax(logits, axis=1)
    rows = np.arange(len(labels))
    value = -np.mean(log_p[rows, labels]) + 0.01 * np.sum(W * W)

    # backward
    d_log_p = np.zeros_like(log_p)
    d_log_p[rows, labels] += np.divide(-1.0, len(labels))
    d_logits = d_log_p - np.exp(log_p) * np.sum(d_log_p, axis=1, keepdims=True)
    d_X = d_logits @ W.T
    d_W = 0.02 * W + X.T @ d_logits
    return value, (d_W, d_X)
