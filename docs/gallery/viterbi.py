import numpy as np


def log_Z_argmax(log_pi, log_A, log_B, data):
    """The largest term of `log_Z`, and its derivative with respect to `log_pi`, `log_A`, `log_B`: the statistics of that term."""
    # forward
    log_alpha = log_pi + log_B[:, data[0]]
    ys = data[1:]
    choices = np.empty((len(ys), len(log_pi)), dtype=np.int64)
    for i, y in enumerate(ys):
        scores = log_alpha[:, None] + log_A
        choices[i] = np.argmax(scores, axis=0)
        log_alpha = np.max(scores, axis=0) + log_B[:, y]
    value = np.max(log_alpha)

    # backward
    d_log_alpha = np.zeros_like(log_alpha)
    d_log_alpha[np.argmax(log_alpha)] = 1.0
    d_log_A = np.zeros_like(log_A)
    d_log_B = np.zeros_like(log_B)
    arange = np.arange(len(log_pi))
    for y, choice in zip(reversed(ys), reversed(choices)):
        d_log_B[:, y] += d_log_alpha
        d_scores = np.zeros_like(log_A)
        d_scores[choice, arange] += d_log_alpha
        d_log_A += d_scores
        d_log_alpha = np.sum(d_scores, axis=1)
    d_log_B[:, data[0]] += d_log_alpha
    return value, (d_log_alpha, d_log_A, d_log_B)
