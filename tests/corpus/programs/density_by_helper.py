"""A contaminated normal: a helper returns densities, its caller the logarithm of their mixture."""

import numpy as np


def density(x, mean, scale):
    z = (x - mean) / scale
    return np.exp(-0.5 * z**2) / (scale * np.sqrt(2.0 * np.pi))


def log_likelihood(mean, scale, outlier_rate, data):
    inlier = (1.0 - outlier_rate) * density(data, mean, scale)
    outlier = outlier_rate * density(data, mean, 10.0 * scale)
    return np.sum(np.log(inlier + outlier))


EXAMPLES = [
    (0.2, 0.8, 0.1, np.array([0.1, -0.5, 3.0, 0.7])),
    (1.0, 1.5, 0.3, np.array([2.2, -0.1])),
]
WRT = (0, 1, 2, 3)
FUNCTION = log_likelihood
