"""A two-parameter item response model: log-probabilities by two formulas, one for each sign."""

import numpy as np


def log_likelihood(ability, difficulty, discrimination, answers):
    total = 0.0
    for i in range(len(ability)):
        for j in range(len(difficulty)):
            u = discrimination[j] * (ability[i] - difficulty[j])
            if u >= 0:
                log_p = -np.log1p(np.exp(-u))
            else:
                log_p = u - np.log1p(np.exp(u))
            total += log_p if answers[i, j] else log_p - u
    return total


EXAMPLES = [
    (
        np.array([0.3, -0.8, 1.2]),
        np.array([0.1, -0.5]),
        np.array([1.1, 0.7]),
        np.array([[True, False], [False, False], [True, True]]),
    ),
    (np.array([1.4]), np.array([0.6, 2.0]), np.array([0.9, 1.3]), np.array([[True, False]])),
]
WRT = (0, 1, 2)
FUNCTION = log_likelihood
