"""A density with `gammaln` at shifted arguments and a parameter in an exponent."""

import numpy as np
from scipy.special import gammaln


def log_likelihood(df, mu, sigma, x):
    z2 = ((x - mu) / sigma) ** 2
    constant = gammaln(0.5 * (df + 1.0)) - gammaln(0.5 * df) - 0.5 * np.log(df * np.pi)
    return np.sum(constant - np.log(sigma) - 0.5 * (df + 1.0) * np.log1p(z2 / df))


EXAMPLES = [
    (4.0, 0.3, 1.2, np.array([0.5, -1.2, 3.0])),
    (np.array([[2.0], [5.0]]), np.array([0.3, -0.1, 0.8]), 0.7, np.array([0.5, -1.2, 3.0])),
    (3.5, 0.2, np.array([0.7]), 0.9),
]
WRT = (0, 1, 2, 3)
FUNCTION = log_likelihood
