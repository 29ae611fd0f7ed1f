"""The forward algorithm in probabilities, renormalised in each step, with the logs collected."""

import numpy as np


def log_likelihood(pi, A, B, data):
    alpha = pi * B[:, data[0]]
    total = 0.0
    for t in range(1, len(data)):
        scale = alpha.sum()
        total += np.log(scale)
        alpha = (alpha / scale) @ A * B[:, data[t]]
    return total + np.log(alpha.sum())


def _example(K, V, T, seed):
    rng = np.random.default_rng(seed)
    pi, A, B = rng.random(K), rng.random((K, K)), rng.random((K, V))
    return (
        pi / pi.sum(),
        A / A.sum(1, keepdims=True),
        B / B.sum(1, keepdims=True),
        rng.integers(0, V, size=T),
    )


EXAMPLES = [_example(3, 4, 6, 0), _example(2, 2, 1, 1)]
WRT = (0, 1, 2)
FUNCTION = log_likelihood
