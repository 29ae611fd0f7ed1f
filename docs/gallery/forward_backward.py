import numpy as np
from scipy.special import logsumexp


def log_Z_value_and_grad(log_pi, log_A, log_B, data):
    """Value and gradient of `log_Z` with respect to `log_pi`, `log_A`, `log_B`."""
    # forward
    log_alpha = log_pi + log_B[:, data[0]]
    ys = data[1:]
    log_alphas = np.empty((len(ys), len(log_pi)))
    for i, y in enumerate(ys):
        log_alphas[i] = log_alpha
        log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0) + log_B[:, y]
    value = logsumexp(log_alpha)

    # backward
    d_log_A = np.zeros_like(log_A)
    d_log_B = np.zeros_like(log_B)
    d_log_alpha = np.exp(log_alpha - (0.0 if value == -np.inf else value))
    for log_alpha, y in zip(reversed(log_alphas), reversed(ys)):
        scores = log_alpha[:, None] + log_A
        norm = logsumexp(scores, axis=0)
        d_log_B[:, y] += d_log_alpha
        d_scores = np.exp(scores - np.where(norm == -np.inf, 0.0, norm)) * d_log_alpha
        d_log_A += d_scores
        d_log_alpha = np.sum(d_scores, axis=1)
    d_log_B[:, data[0]] += d_log_alpha
    return value, (d_log_alpha, d_log_A, d_log_B)
