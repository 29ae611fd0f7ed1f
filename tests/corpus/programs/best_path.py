"""Max-plus dynamic programming: the maximum along an axis decides where the gradient goes."""

import numpy as np


def best_score(unary, pairwise):
    score = unary[0]
    for t in range(1, len(unary)):
        score = np.max(score[:, None] + pairwise, axis=0) + unary[t]
    return score.max()


EXAMPLES = [
    (
        np.random.default_rng(0).normal(size=(4, 3)),
        np.random.default_rng(1).normal(size=(3, 3)),
    ),
    (
        np.random.default_rng(2).normal(size=(2, 2)),
        np.random.default_rng(3).normal(size=(2, 2)),
    ),
]
WRT = (0, 1)
FUNCTION = best_score
