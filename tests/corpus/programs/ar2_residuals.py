"""Second-order autoregression: two lags of one array are read while the residuals are summed."""

import numpy as np


def neg_log_likelihood(phi, log_sigma, y):
    sigma2 = np.exp(2.0 * log_sigma)
    total = 0.0
    for t in range(2, len(y)):
        e = y[t] - phi[0] * y[t - 1] - phi[1] * y[t - 2]
        total += 0.5 * e * e / sigma2 + log_sigma
    return total


EXAMPLES = [
    (np.array([0.5, -0.3]), 0.2, np.array([0.1, 0.7, -0.4, 0.9, 1.2, 0.3])),
    (np.array([0.9, 0.1]), -0.5, np.array([1.0, 0.2, 0.4])),
]
WRT = (0, 1, 2)
FUNCTION = neg_log_likelihood
