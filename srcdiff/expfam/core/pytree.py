"""Pytrees: parameters and statistics as structures of numbers and arrays: tuples, lists, dicts, dataclasses.

`inner` is copied into generated text, so it needs NumPy alone.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

Pytree = Any  # a number, an array, or a tuple, list, dict or dataclass of pytrees


def map_leaves(f: Callable[..., object], *trees: Pytree) -> Pytree:
    """`f` of corresponding leaves, in the structure of the first tree."""
    first = trees[0]
    if isinstance(first, dict):
        return type(first)((k, map_leaves(f, *(t[k] for t in trees))) for k in first)
    if isinstance(first, tuple | list):
        parts = [map_leaves(f, *items) for items in zip(*trees, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
    if dataclasses.is_dataclass(first) and not isinstance(first, type):
        names = [field.name for field in dataclasses.fields(first)]
        found = {n: map_leaves(f, *(getattr(t, n) for t in trees)) for n in names}
        return dataclasses.replace(first, **found)
    return f(*trees)


def leaves(tree: Pytree) -> list[Any]:
    """The numbers and arrays of a structure, in order."""
    found: list[Any] = []
    map_leaves(found.append, tree)
    return found


def as_floats(tree: Pytree) -> Pytree:
    """The structure with floats for ints; arrays of ints become arrays of floats."""
    return map_leaves(_as_float, tree)


def _as_float(leaf: np.ndarray) -> np.ndarray:
    if np.iscomplexobj(leaf):
        raise TypeError(f"parameters are real numbers, not {np.asarray(leaf).dtype}")
    if isinstance(leaf, np.ndarray):
        return leaf if leaf.dtype.kind == "f" else leaf.astype(float)
    if isinstance(leaf, bool | int | np.integer | np.bool_):
        return float(leaf)
    return leaf


def check_same(name: str, eta: Pytree, other: Pytree) -> None:
    """Raise unless two structures have leaves of equal shapes, as two parameters of one family have."""
    given = [[np.shape(leaf) for leaf in leaves(tree)] for tree in (eta, other)]
    if given[0] != given[1]:
        raise ValueError(
            f"{name}: eta and other are of one family, and have parts of the shapes {given[0]} and {given[1]}"
        )


def flatten(tree: Pytree) -> tuple[Any, Callable[[Any], Any]]:
    """All numbers of a structure as one vector, and a function from such a vector to the structure."""
    parts = [np.asarray(leaf, float) for leaf in leaves(tree)]
    ends = np.cumsum([part.size for part in parts])
    vector = np.concatenate([part.ravel() for part in parts]) if parts else np.zeros(0)

    def restore(values: np.ndarray) -> Pytree:
        pieces = iter(np.split(np.asarray(values, float), ends[:-1]))

        def put(leaf: object) -> np.ndarray | float:
            piece = next(pieces)
            return piece.reshape(leaf.shape) if isinstance(leaf, np.ndarray) else float(piece[0])

        return map_leaves(put, tree)

    return vector, restore


def inner(stats: Pytree, eta: Pytree) -> float:
    """The inner product of statistics and parameters; what has no mass counts for nothing, 0 * -inf too."""
    if isinstance(stats, dict):
        return sum(inner(stats[k], eta[k]) for k in stats)
    if isinstance(stats, tuple | list):
        return sum(inner(s, e) for s, e in zip(stats, eta, strict=True))
    if hasattr(stats, "__dataclass_fields__"):
        return inner(vars(stats), vars(eta))
    stats = np.asarray(stats)
    return float(np.sum(stats * np.where(stats == 0.0, 0.0, eta)))
