"""Minimum cut of a small directed graph, by shortest augmenting paths (Edmonds and Karp).

    s --3--> a --1--> t        minimum_cut(...) == {s, a}
    s --1--> b --9--> t        (the cut is a->t and s->b)

The graphs of `residuals` have tens of nodes; importing `scipy.sparse.csgraph` takes longer than cutting all of them.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable, Mapping
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)
Residual = dict[Node, dict[Node, float]]

# relative to the smallest capacity: a smaller residual capacity is a rounding error (relative to the largest capacity,
# the bound would exceed small capacities)
ROUNDING = 1e-9


def minimum_cut(edges: Mapping[tuple[Node, Node], float], source: Node, sink: Node) -> set[Node]:
    """The nodes on the source's side of the minimum cut nearest to the source.

    `edges` are capacities, `math.inf` for edges that must not be cut. The result depends only on the mapping and its
    order. ValueError if a path of infinite edges joins the two.
    """
    residual = _residual(edges)
    residual.setdefault(source, {})
    least = min((c for c in edges.values() if 0.0 < c < math.inf), default=0.0) * ROUNDING
    while True:
        came_from = _reach(residual, source, sink, least)
        if sink not in came_from:
            return set(came_from)
        path = _path(came_from, source, sink)
        amount = min(residual[a][b] for a, b in path)
        if amount == math.inf:
            raise ValueError(f"{source!r} and {sink!r} are joined by edges that must not be cut")
        for a, b in path:
            residual[a][b] -= amount
            residual[b][a] += amount


def _residual(edges: Mapping[tuple[Node, Node], float]) -> Residual[Node]:
    residual: Residual[Node] = {}
    for (a, b), capacity in edges.items():
        if a != b:
            residual.setdefault(a, {}).setdefault(b, 0.0)
            residual.setdefault(b, {}).setdefault(a, 0.0)
            residual[a][b] += capacity
    return residual


def _reach(residual: Residual[Node], source: Node, sink: Node, least: float) -> dict[Node, Node]:
    """The nodes reached from the source over edges with residual capacity, breadth first, each with its predecessor."""
    came_from = {source: source}
    pending = deque([source])
    while pending and sink not in came_from:
        node = pending.popleft()
        for other, capacity in residual[node].items():
            if capacity > least and other not in came_from:
                came_from[other] = node
                pending.append(other)
    return came_from


def _path(came_from: Mapping[Node, Node], source: Node, sink: Node) -> list[tuple[Node, Node]]:
    path = []
    node = sink
    while node != source:
        path.append((came_from[node], node))
        node = came_from[node]
    return path
