"""The reconstruction error of an autoencoder without nonlinearities: the data times a thin matrix and its transpose."""

import numpy as np


def reconstruction_error(W, X):
    back = X @ (W @ W.T)
    return np.sum((X - back) ** 2) / len(X)


def _example(n, d, k, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(d, k)), rng.normal(size=(n, d))


EXAMPLES = [_example(5, 4, 1, 0), _example(3, 3, 2, 1)]
WRT = (0, 1)
FUNCTION = reconstruction_error
