"""Chains by enumeration of all paths: what the tests of `expfam` compare with. No derivative is taken here."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from scipy.special import logsumexp


class Paths:
    """All paths of a chain, each with its log-weight and its statistics.

    Parameters
    ----------
    score : callable
        The log-weight of a path.
    counts : callable
        The statistics of a path: a tuple of arrays.
    """

    def __init__(self, paths: Any, score: Any, counts: Any) -> None:
        self.paths = list(paths)
        self.scores = np.array([score(p) for p in self.paths])
        self.log_Z = float(logsumexp(self.scores))
        self.p = np.exp(self.scores - self.log_Z)
        self.stats = [counts(p) for p in self.paths]

    def mean(self) -> tuple[Any, ...]:
        return tuple(
            sum(p * s for p, s in zip(self.p, leaf, strict=True))
            for leaf in zip(*self.stats, strict=True)
        )

    def flat(self) -> Any:
        return np.array([np.concatenate([np.ravel(x) for x in s]) for s in self.stats])

    def covariance(self) -> Any:
        t = self.flat()
        centred = t - self.p @ t
        return centred.T @ (self.p[:, None] * centred)

    def third(self, u: Any, v: Any) -> Any:
        t = self.flat()
        centred = t - self.p @ t
        return centred.T @ (self.p * (centred @ u) * (centred @ v))

    @property
    def entropy(self) -> float:
        seen = self.p[self.p > 0.0]
        return float(-np.sum(seen * np.log(seen)))

    def best(self, k: int = 1) -> list[Any]:
        order = np.argsort(-self.scores, kind="stable")[:k]
        return [(self.paths[i], self.scores[i]) for i in order]


def hmm_paths(eta: Any, data: Any, inputs: Any = None, first: bool = False) -> Paths:
    """Paths of an HMM or IO-HMM; `first`: a transition comes before each observation."""
    log_pi, log_A, log_B = eta
    states, steps = len(log_pi), len(data)

    def moves(path: Any) -> Any:
        start = 0 if first else 1
        shift = 1 if first else 0  # the state of observation t is path[t + shift]
        for t in range(start, steps):
            a, b = path[t + shift - 1], path[t + shift]
            yield (a, b) if inputs is None else (inputs[t], a, b)

    def emissions(path: Any) -> Any:
        return zip(path[1:] if first else path, data, strict=True)

    def score(path: Any) -> float:
        total = log_pi[path[0]] + sum(log_A[m] for m in moves(path))
        return float(total + sum(log_B[s, y] for s, y in emissions(path)))

    def counts(path: Any) -> tuple[Any, ...]:
        found = np.zeros_like(log_pi), np.zeros_like(log_A), np.zeros_like(log_B)
        found[0][path[0]] += 1.0
        for m in moves(path):
            found[1][m] += 1.0
        for s, y in emissions(path):
            found[2][s, y] += 1.0
        return found

    length = steps + 1 if first else steps
    return Paths(itertools.product(range(states), repeat=length), score, counts)


def chain_paths(log_nodes: Any, log_pairs: Any) -> Paths:
    steps, states = log_nodes.shape

    def score(path: Any) -> float:
        nodes = sum(log_nodes[t, s] for t, s in enumerate(path))
        return float(nodes + sum(log_pairs[t, path[t], path[t + 1]] for t in range(steps - 1)))

    def counts(path: Any) -> tuple[Any, ...]:
        nodes, pairs = np.zeros_like(log_nodes), np.zeros_like(log_pairs)
        nodes[np.arange(steps), list(path)] = 1.0
        pairs[np.arange(steps - 1), list(path[:-1]), list(path[1:])] = 1.0
        return nodes, pairs

    return Paths(itertools.product(range(states), repeat=steps), score, counts)


def semi_markov_paths(eta: Any, data: Any) -> Paths:
    """Segmentations: tuples of (state, length), whose lengths add up."""
    _log_pi, _log_A, log_D, _log_B = eta
    states, longest = log_D.shape

    def segmentations(left: int) -> Any:
        if left == 0:
            yield ()
        for d in range(1, min(longest, left) + 1):
            for k in range(states):
                for rest in segmentations(left - d):
                    yield ((k, d), *rest)

    def counts(path: Any) -> tuple[Any, ...]:
        found = tuple(np.zeros_like(x) for x in eta)
        t = 0
        for n, (k, d) in enumerate(path):
            if n == 0:
                found[0][k] += 1.0
            else:
                found[1][path[n - 1][0], k] += 1.0
            found[2][k, d - 1] += 1.0
            for y in data[t : t + d]:
                found[3][k, y] += 1.0
            t += d
        return found

    def score(path: Any) -> float:
        return float(
            sum(np.sum(c * np.where(c > 0, e, 0.0)) for c, e in zip(counts(path), eta, strict=True))
        )

    return Paths(segmentations(len(data)), score, counts)


def normalised(rng: np.random.Generator, *shape: int) -> Any:
    p = rng.random(shape) + 0.05
    return np.log(p / p.sum(axis=-1, keepdims=True))
