"""A multinomial logit of travellers: utilities are exponentiated into an array, shares are logarithms of quotients."""

import numpy as np


def log_likelihood(beta, attributes, chosen):
    total = 0.0
    for i in range(len(chosen)):
        weight = np.empty(attributes.shape[1])
        for j in range(attributes.shape[1]):
            weight[j] = np.exp(attributes[i, j] @ beta)
        total += np.log(weight[chosen[i]] / np.sum(weight))
    return total


def _example(n, m, d, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=d), rng.normal(size=(n, m, d)), rng.integers(m, size=n)


EXAMPLES = [_example(4, 3, 2, 0), _example(2, 2, 3, 1)]
WRT = (0, 1)
FUNCTION = log_likelihood
