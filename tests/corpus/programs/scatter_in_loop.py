"""Edges of a graph add to nodes by integer index; the adjacency is data and stays inactive."""

import numpy as np


def pagerank_like(score, edge_weight, source, target, rounds):
    for _ in range(rounds):
        new = np.full(len(score), 0.15)
        for e in range(len(source)):
            new[target[e]] += 0.85 * edge_weight[e] * score[source[e]]
        score = new
    return np.sum(score**2)


EXAMPLES = [
    (
        np.array([0.5, 0.2, 0.9]),
        np.array([0.7, 0.3, 0.8, 0.5]),
        np.array([0, 0, 1, 2]),
        np.array([1, 2, 2, 1]),
        2,
    ),
    (np.array([0.5, 0.4]), np.array([0.7, 0.3]), np.array([0, 1]), np.array([1, 1]), 1),
]
WRT = (0, 1)
FUNCTION = pagerank_like
UNCONVERGED = True
