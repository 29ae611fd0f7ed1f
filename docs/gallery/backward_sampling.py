import numpy as np
from scipy.special import logsumexp


def log_Z_sample(log_pi, log_A, log_B, data, rng):
    """Value of `log_Z`, and its derivative with respect to `log_pi`, `log_A`, `log_B`: statistics of a term drawn with `rng`."""
    # forward
    data_item = data[0]
    log_alpha = log_pi + log_B[:, data_item]
    ys = data[1:]
    choices = np.empty((len(ys), len(log_pi)), dtype=np.int64)
    for i, y in enumerate(ys):
        scores = log_alpha[:, None] + log_A
        norm = logsumexp(scores, axis=0)
        upto = np.cumsum(np.exp(scores - np.where(norm == -np.inf, 0.0, norm)), axis=0)
        upto_row = upto[-1]
        uniforms = rng.random(len(log_pi))
        choices[i] = np.argmax(upto > uniforms * upto_row, axis=0)
        log_alpha = norm + log_B[:, y]
    value = logsumexp(log_alpha)
    upto = np.cumsum(np.exp(log_alpha - np.where(value == -np.inf, 0.0, value)))
    upto_item = upto[-1]
    uniform = rng.random()

    # backward
    d_log_alpha = np.zeros_like(log_alpha)
    d_log_alpha[np.argmax(upto > uniform * upto_item)] = 1.0
    d_log_A = np.zeros_like(log_A)
    d_log_B = np.zeros_like(log_B)
    arange = np.arange(len(log_pi))
    for y, choice in zip(reversed(ys), reversed(choices)):
        d_log_B[:, y] += d_log_alpha
        d_scores = np.zeros_like(log_A)
        d_scores[choice, arange] += d_log_alpha
        d_log_A += d_scores
        d_log_alpha = np.sum(d_scores, axis=1)
    d_log_B[:, data_item] += d_log_alpha
    return value, (d_log_alpha, d_log_A, d_log_B)
