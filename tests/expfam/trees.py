"""Models on trees: log_Z over a parent array, and by recursion over children."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from expfam.enumeration import Paths
from scipy.special import logsumexp

PARENTS = np.array([-1, 0, 0, 1, 1, 2])
CHILDREN = [[1, 2], [3, 4], [5], [], [], []]


def over_parents(eta, parents):
    log_nodes, log_edges = eta
    up = log_nodes.copy()
    for i in range(len(parents) - 1, 0, -1):
        up[parents[i]] += logsumexp(log_edges[i - 1] + up[i], axis=1)
    return logsumexp(up[0])


def by_recursion(eta, children):
    log_nodes, log_edges = eta

    def below(node):
        total = log_nodes[node]
        for child in children[node]:
            total = total + logsumexp(log_edges[child - 1] + below(child), axis=1)
        return total

    return logsumexp(below(0))


def of_one_node(log_nodes, log_edges, children, node):
    total = log_nodes[node]
    for child in children[node]:
        message = of_one_node(log_nodes, log_edges, children, child)
        total = total + logsumexp(log_edges[child - 1] + message, axis=1)
    return total


def by_a_recursive_function(eta, children):
    log_nodes, log_edges = eta
    return logsumexp(of_one_node(log_nodes, log_edges, children, 0))


def tree_paths(eta: Any) -> Paths:
    """All labellings of the nodes."""
    log_nodes, log_edges = eta
    nodes, states = log_nodes.shape

    def edges(labels: Any) -> Any:
        return ((i - 1, labels[PARENTS[i]], labels[i]) for i in range(1, nodes))

    def score(labels: Any) -> float:
        own = sum(log_nodes[i, s] for i, s in enumerate(labels))
        return float(own + sum(log_edges[e] for e in edges(labels)))

    def counts(labels: Any) -> Any:
        found = np.zeros_like(log_nodes), np.zeros_like(log_edges)
        found[0][np.arange(nodes), list(labels)] = 1.0
        for e in edges(labels):
            found[1][e] = 1.0
        return found

    return Paths(itertools.product(range(states), repeat=nodes), score, counts)


def tree_eta(seed: int, states: int = 2) -> Any:
    N = np.random.default_rng(seed).normal
    log_edges = N(size=(len(PARENTS) - 1, states, states))
    log_edges[2, 0, 1] = -np.inf
    return N(size=(len(PARENTS), states)), log_edges
