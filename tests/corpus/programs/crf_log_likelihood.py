"""A chain's score by integer gathers minus its log partition function by a loop."""

import numpy as np
from scipy.special import logsumexp


def log_likelihood(unary, pairwise, labels):
    T = len(labels)
    score = np.sum(unary[np.arange(T), labels]) + np.sum(pairwise[labels[:-1], labels[1:]])
    alpha = unary[0]
    for t in range(1, T):
        alpha = unary[t] + logsumexp(alpha[:, None] + pairwise, axis=0)
    return score - logsumexp(alpha)


def _example(labels, K, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(len(labels), K)), rng.normal(size=(K, K)), np.array(labels)


EXAMPLES = [_example([0, 2, 2, 1], 3, 0), _example([1, 0, 1, 0, 0], 2, 1)]
WRT = (0, 1)
FUNCTION = log_likelihood
