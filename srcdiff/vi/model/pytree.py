"""Pytrees: parameters as structures of numbers and arrays: named tuples, tuples, lists and dicts."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

Pytree = Any  # a number, an array, or a named tuple, tuple, list or dict of pytrees
Data = tuple[Any, ...]  # the arguments of a model
Values = dict[str, Any]  # values of sites or parameters, by name
P = TypeVar("P")  # a pytree that comes back changed, in the same structure


def map_leaves(f: Callable[..., object], *trees: Pytree) -> Pytree:
    """`f` of corresponding leaves, in the structure of the first tree."""
    first = trees[0]
    if isinstance(first, dict):
        return {k: map_leaves(f, *(t[k] for t in trees)) for k in first}
    if isinstance(first, tuple | list):
        parts = [map_leaves(f, *items) for items in zip(*trees, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
    return f(*trees)


def leaves(tree: Pytree) -> list[Any]:
    """The numbers and arrays of a structure, in order."""
    found: list[Any] = []
    map_leaves(found.append, tree)
    return found


def named_leaves(tree: Pytree, prefix: str = "") -> Iterator[tuple[str, object]]:
    """The leaves with their places as text: `loc`, `layers[0].W`."""
    if isinstance(tree, dict):
        parts = [(f"{prefix}[{k!r}]" if prefix else str(k), v) for k, v in tree.items()]
    elif isinstance(tree, tuple) and hasattr(tree, "_fields"):
        dot = f"{prefix}." if prefix else ""
        parts = [(f"{dot}{k}", v) for k, v in zip(tree._fields, tree, strict=True)]
    elif isinstance(tree, tuple | list):
        parts = [(f"{prefix}[{i}]", v) for i, v in enumerate(tree)]
    else:
        yield prefix, tree
        return
    for name, part in parts:
        yield from named_leaves(part, name)


def flatten(tree: Pytree) -> tuple[Any, Callable[[Any], Any]]:
    """All numbers of a structure as one vector, and a function from such a vector to the structure."""
    parts = [np.asarray(leaf, float) for leaf in leaves(tree)]
    ends = np.cumsum([part.size for part in parts])
    vector = np.concatenate([part.ravel() for part in parts]) if parts else np.zeros(0)

    def restore(values: np.ndarray) -> Pytree:
        pieces = iter(np.split(np.asarray(values, float), ends[:-1]))

        def put(leaf: np.ndarray) -> np.ndarray | float:
            piece = next(pieces)
            return piece.reshape(np.shape(leaf)) if np.ndim(leaf) else float(piece[0])

        return map_leaves(put, tree)

    return vector, restore
