"""An importance-weighted bound: weights of samples are added up before the logarithm."""

import numpy as np


def bound(mean, log_scale, data, noise):
    total = 0.0
    for eps in noise:
        z = mean + np.exp(log_scale) * eps
        log_joint = -0.5 * z**2 - 0.5 * np.sum((data - z) ** 2)
        log_q = -0.5 * eps**2 - log_scale
        total += np.exp(log_joint - log_q)
    return np.log(total / len(noise))


EXAMPLES = [
    (0.3, -0.2, np.array([0.4, 1.1]), np.array([0.5, -0.7, 1.2])),
    (-0.1, 0.4, np.array([0.9]), np.array([-0.3, 0.8])),
]
WRT = (0, 1, 2)
FUNCTION = bound
