"""Concentrations below a detection limit: an exponential tail for these, a density for the others."""

import numpy as np


def log_likelihood(log_rate, measured, limit):
    rate = np.exp(log_rate)
    total = 0.0
    for c in measured:
        if c > limit:
            p = rate * np.exp(-rate * c)
        else:
            p = np.exp(-rate * limit)
        total = total + np.log(p)
    return total


EXAMPLES = [(0.2, np.array([0.3, 1.4, 0.1]), 0.5), (-0.6, np.array([2.0, 0.9]), 1.0)]
WRT = (0, 1, 2)
FUNCTION = log_likelihood
