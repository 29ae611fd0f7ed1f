import numpy as np


def cross_entropy_value_and_grad(W, b, X, labels):
    """Value and gradient of `cross_entropy` with respect to `W`, `X`."""
    # forward
    logits = X @ W + b
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponential = np.exp(shifted)
    denominator = np.sum(exponential, axis=1, keepdims=True)
    log_p = shifted - np.log(denominator)
    rows = np.arange(len(labels))
    value = -np.mean(log_p[rows, labels]) + 0.01 * np.sum(W * W)

    # backward
    d_log_p = np.zeros_like(log_p)
    d_log_p[rows, labels] += np.divide(-1.0, len(labels))
    d_shifted = d_log_p - np.sum(d_log_p, axis=1, keepdims=True) / denominator * exponential
    d_X = d_shifted @ W.T
    d_W = 0.02 * W + X.T @ d_shifted
    return value, (d_W, d_X)
