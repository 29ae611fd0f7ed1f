"""Mixture likelihoods of documents: the topics' probabilities are collected in a list and summed."""

import numpy as np


def log_likelihood(log_weights, log_rates, counts):
    total = 0.0
    for row in counts:
        parts = []
        for k in range(len(log_weights)):
            parts.append(np.exp(log_weights[k] + row @ log_rates[k] - np.sum(np.exp(log_rates[k]))))
        total += np.log(sum(parts))
    return total


EXAMPLES = [
    (
        np.array([-0.4, -1.1]),
        np.array([[0.1, 0.5, -0.3], [0.8, -0.2, 0.4]]),
        np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 3.0]]),
    ),
    (
        np.array([-0.9, -1.2, -0.8]),
        np.array([[0.2, 0.1], [-0.5, 0.3], [0.4, 0.6]]),
        np.array([[2.0, 1.0]]),
    ),
]
WRT = (0, 1)
FUNCTION = log_likelihood
