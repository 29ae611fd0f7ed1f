"""Paths of states from marginals of nodes and of neighbouring pairs: the gradient of a chain's
log-partition function.
"""

from typing import Any

import numpy as np


def draw_paths(marginals: Any, rng: np.random.Generator, n: int) -> Any:
    """`n` paths of a chain with these marginals, `(nodes (T, K), pairs (T - 1, K, K))`: an array `(n, T)`.

    A pair's rows are, up to scale, the probabilities of the next state, so sampling needs the gradient of `log_Z` only.
    """
    nodes, pairs = marginals
    paths = np.empty((n, len(nodes)), dtype=np.int64)
    paths[:, 0] = _drawn(np.broadcast_to(nodes[0], (n, len(nodes[0]))), rng)
    for t, pair in enumerate(pairs):
        paths[:, t + 1] = _drawn(pair[paths[:, t]], rng)
    return paths


def _drawn(weights: Any, rng: np.random.Generator) -> Any:
    """One index for each row, in proportion to the weights."""
    upto = np.cumsum(np.maximum(weights, 0.0), axis=1)
    if np.any(upto[:, -1] == 0.0):
        raise ValueError("there is no path: all of them are forbidden")
    points = rng.random(len(weights)) * upto[:, -1]
    found = np.sum(upto <= points[:, None], axis=1)
    return np.minimum(found, weights.shape[1] - 1)


def followed(marginals: Any) -> Any:
    """The path that has all mass, or one of the best paths in a tie; `(nodes, pairs)` are marginals in max-plus."""
    nodes, pairs = marginals
    path = np.empty(len(nodes), dtype=np.int64)
    path[0] = np.argmax(nodes[0])
    for t, pair in enumerate(pairs):
        path[t + 1] = np.argmax(pair[path[t]])
    return path
