"""Responsibilities of star classes: an array of densities is filled class by class, and normalised."""

import numpy as np


def log_evidence(means, log_widths, log_priors, colours):
    total = 0.0
    p = np.zeros(len(means))
    for colour in colours:
        for k in range(len(means)):
            z = (colour - means[k]) / np.exp(log_widths[k])
            p[k] = np.exp(log_priors[k] - 0.5 * z * z - log_widths[k])
        total += np.log(np.sum(p))
    return total


EXAMPLES = [
    (
        np.array([0.2, 1.4]),
        np.array([-0.3, 0.1]),
        np.array([-0.5, -0.9]),
        np.array([0.1, 0.8, 1.9]),
    ),
    (
        np.array([-0.5, 0.3, 2.0]),
        np.array([0.2, -0.1, 0.4]),
        np.array([-1.2, -1.0, -1.1]),
        np.array([0.4, -0.7]),
    ),
]
WRT = (0, 1, 2)
FUNCTION = log_evidence
