"""A negative binomial regression with counts as data: `gammaln`, `exp` and `expit` together."""

import numpy as np
from scipy.special import expit, gammaln


def neg_log_likelihood(w, log_r, zero_logit, X, counts):
    r = np.exp(log_r)
    mu = np.exp(X @ w)
    log_p = gammaln(counts + r) - gammaln(r) - gammaln(counts + 1.0)
    log_p = log_p + r * np.log(r / (r + mu)) + counts * np.log(mu / (r + mu))
    p_zero = expit(zero_logit)
    at_zero = np.log(p_zero + (1.0 - p_zero) * np.exp(log_p))
    return -np.sum(np.where(counts == 0, at_zero, np.log(1.0 - p_zero) + log_p))


EXAMPLES = [
    (
        np.array([0.3, -0.5]),
        0.4,
        -0.8,
        np.random.default_rng(0).normal(size=(4, 2)),
        np.array([0, 2, 5, 0]),
    ),
    (np.array([0.3]), -0.2, 0.5, np.random.default_rng(1).normal(size=(2, 1)), np.array([1, 3])),
]
WRT = (0, 1, 2)
FUNCTION = neg_log_likelihood
