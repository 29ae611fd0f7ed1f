"""Gompertz survival times, some of them censored: each kind has its probability, and its logarithm is taken after."""

import numpy as np


def log_likelihood(log_hazard, ageing, times, observed):
    total = 0.0
    for t, event in zip(times, observed):
        hazard = np.exp(log_hazard + ageing * t)
        survival = np.exp(-(hazard - np.exp(log_hazard)) / ageing)
        if event:
            p = hazard * survival
        else:
            p = survival
        total += np.log(p)
    return total


EXAMPLES = [
    (-1.4, 0.8, np.array([0.7, 1.9, 2.5]), np.array([True, False, True])),
    (-0.3, 0.5, np.array([0.4, 3.0]), np.array([False, True])),
]
WRT = (0, 1, 2)
FUNCTION = log_likelihood
