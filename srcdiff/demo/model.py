"""The program that `srcdiff demo` differentiates, in a file of its own as a user would write it."""

from scipy.special import logsumexp


def log_Z(log_pi, log_A, log_B, letters):
    """Log probability of the letters, by the forward algorithm."""
    log_alpha = log_pi + log_B[:, letters[0]]
    for letter in letters[1:]:
        scores = log_alpha[:, None] + log_A
        log_alpha = logsumexp(scores, axis=0) + log_B[:, letter]
    return logsumexp(log_alpha)
