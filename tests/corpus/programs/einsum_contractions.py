"""Sums of products over letters: batches of products, a diagonal, an ellipsis, three operands, letters that are summed."""

import numpy as np


def energy(A, B, c, w):
    products = np.einsum("kij,nkj->nki", A, B)
    traces = np.einsum("kii->k", A)
    weighted = np.einsum("...i,i", products, c)
    bilinear = np.einsum("i,kij,j->k", c, A, np.sin(c))
    total = np.einsum("nk->", weighted**2)
    for t in range(2):
        total += w * np.einsum("k,k", traces, bilinear) / (t + 1.0)
    spread = np.einsum("ij,kl", A[0], A[-1] * w)
    return total + np.einsum("ijji", spread) + np.einsum("nki,ki->", products, A[:, 0])


EXAMPLES = [
    (
        np.random.default_rng(0).normal(size=(2, 3, 3)),
        np.random.default_rng(1).normal(size=(4, 2, 3)),
        np.array([0.5, -1.0, 0.8]),
        0.7,
    ),
    (
        np.random.default_rng(2).normal(size=(3, 2, 2)),
        np.random.default_rng(3).normal(size=(2, 3, 2)),
        np.array([0.3, 1.2]),
        -0.4,
    ),
]
WRT = (0, 1, 2, 3)
FUNCTION = energy
