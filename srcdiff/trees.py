"""Arguments as structures: tuples, lists, dicts, named tuples and dataclasses over arrays and numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

__all__ = ["add_scaled", "children", "dot", "is_float_leaf", "leaves", "map_leaves", "random_like", "rebuild"]


def children(tree: Any) -> list[Any] | None:
    """The parts of a container in order; None for a leaf."""
    if isinstance(tree, tuple | list):
        return list(tree)
    if isinstance(tree, dict):
        return list(tree.values())
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        return [getattr(tree, f.name) for f in dataclasses.fields(tree)]
    return None


def rebuild(tree: Any, parts: list[Any]) -> Any:
    """A container like `tree` with other parts."""
    if isinstance(tree, tuple):
        return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
    if isinstance(tree, list):
        return list(parts)
    if isinstance(tree, dict):
        return dict(zip(tree, parts, strict=True))
    return type(tree)(**{f.name: p for f, p in zip(dataclasses.fields(tree), parts, strict=True)})


def map_leaves(change: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """`change` applied to the leaves of trees of one structure."""
    parts = children(tree)
    if parts is None:
        return change(tree, *others)
    rows = zip(parts, *(children(o) or [] for o in others), strict=True)
    return rebuild(tree, [map_leaves(change, *row) for row in rows])


def leaves(tree: Any) -> Iterator[Any]:
    parts = children(tree)
    if parts is None:
        yield tree
    else:
        for part in parts:
            yield from leaves(part)


def is_float_leaf(leaf: Any) -> bool:
    """Whether derivatives go through a leaf: a float, or an array of floats."""
    if isinstance(leaf, float | np.floating):
        return True
    return isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f"


def random_like(tree: Any, rng: np.random.Generator) -> Any:
    """Standard normal numbers in the place of floats; None elsewhere."""

    def draw(leaf: Any) -> Any:
        if not is_float_leaf(leaf):
            return None
        return rng.normal(size=np.shape(leaf)).astype(np.asarray(leaf).dtype) if np.ndim(leaf) else float(rng.normal())

    return map_leaves(draw, tree)


def add_scaled(tree: Any, direction: Any, scale: float) -> Any:
    """`tree + scale * direction`, in new arrays; leaves without a direction are copied."""

    def step(leaf: Any, d: Any) -> Any:
        if d is None:
            return leaf.copy() if isinstance(leaf, np.ndarray) else leaf
        return leaf + scale * d

    return map_leaves(step, tree, direction)


def dot(left: Any, right: Any) -> float:
    """The sum of products over float leaves; leaves that are None count nothing."""
    pairs = zip(leaves(left), leaves(right), strict=True)
    return float(sum(np.sum(np.asarray(a) * np.asarray(b)) for a, b in pairs if a is not None and b is not None))
