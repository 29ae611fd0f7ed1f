"""A filter's innovations, whitened by the lower triangle of a parameter matrix."""

import numpy as np


def mean_square(factor, innovations):
    L = np.tril(factor)
    total = 0.0
    for innovation in innovations:
        white = np.linalg.solve(L, innovation)
        total += white @ white + 2.0 * np.sum(np.log(np.abs(np.diag(L))))
    return total / len(innovations)


EXAMPLES = [
    (np.array([[1.2, 0.3], [0.4, 0.9]]), np.array([[0.5, -0.2], [1.1, 0.7], [-0.6, 0.4]])),
    (np.array([[0.8, 0.0, 0.1], [0.2, 1.5, 0.0], [-0.3, 0.6, 1.1]]), np.array([[0.2, 0.9, -1.0]])),
]
WRT = (0, 1)
FUNCTION = mean_square
