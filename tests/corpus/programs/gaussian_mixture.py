"""A mixture's log likelihood with full covariances: a loop over components, a 3-d parameter."""

import numpy as np
from scipy.special import logsumexp


def log_likelihood(logits, means, precisions_sqrt, X):
    K, d = means.shape
    log_weights = logits - logsumexp(logits)
    scores = np.empty((len(X), K))
    for k in range(K):
        z = (X - means[k]) @ precisions_sqrt[k]
        log_det = np.linalg.slogdet(precisions_sqrt[k])[1]
        scores[:, k] = log_weights[k] + log_det - 0.5 * np.sum(z**2, axis=1)
    return np.sum(logsumexp(scores, axis=1)) - 0.5 * len(X) * d * np.log(2.0 * np.pi)


def _example(K, d, n, seed):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=K),
        rng.normal(size=(K, d)),
        rng.normal(size=(K, d, d)),
        rng.normal(size=(n, d)),
    )


EXAMPLES = [_example(3, 2, 4, 0), _example(2, 3, 2, 1), _example(1, 1, 3, 2)]
WRT = (0, 1, 2, 3)
FUNCTION = log_likelihood
