"""Pytrees: arguments as tuples, lists, dicts, named tuples and dataclasses over arrays and numbers."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from srcdiff.ir.structs import Pytree, attributes, is_object

_LEAVES = frozenset(
    {float, int, bool, np.ndarray, np.float64, type(None)}
)  # looked up in each call


def children(tree: object) -> list[Any] | None:
    """The parts of a container in order; None for a leaf."""
    if type(tree) in _LEAVES:
        return None
    if isinstance(tree, tuple | list):
        return list(tree)
    if isinstance(tree, dict):
        return list(tree.values())
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        return [getattr(tree, f.name) for f in dataclasses.fields(tree)]
    return None


def keys_of(tree: Pytree) -> list[object]:
    """The keys of the parts of a container, in order: positions, keys of a dict, names of fields."""
    if isinstance(tree, dict):
        return list(tree)
    if dataclasses.is_dataclass(tree):
        return [f.name for f in dataclasses.fields(tree)]
    return list(getattr(tree, "_fields", range(len(tree))))


def _is_field(tree: object, key: object) -> bool:
    return isinstance(key, str) and not isinstance(tree, dict)


def part_of(tree: Pytree, key: Any) -> Pytree:
    return getattr(tree, key) if _is_field(tree, key) else tree[key]


def part_text(tree: object, key: object, text: str) -> str:
    """The text of a part of the container `text`: `p.a`, `p[0]`."""
    return f"{text}.{key}" if _is_field(tree, key) else f"{text}[{key!r}]"


def named_leaves(tree: object, text: str) -> Iterator[tuple[str, object]]:
    """The leaves, each with its text."""
    parts = children(tree)
    if parts is None:
        yield text, tree
        return
    for key, part in zip(keys_of(tree), parts, strict=True):
        yield from named_leaves(part, part_text(tree, key, text))


def rebuild(tree: Pytree, parts: list[Any]) -> Pytree:
    """A container like `tree` with other parts."""
    if isinstance(tree, tuple):
        return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
    if isinstance(tree, list):
        return list(parts)
    if isinstance(tree, dict):
        return dict(zip(tree, parts, strict=True))
    new = copy.copy(tree)  # not by the constructor, which may take or compute other things
    for f, part in zip(dataclasses.fields(tree), parts, strict=True):
        object.__setattr__(new, f.name, part)
    return new


def map_leaves(change: Callable[..., object], tree: object, *others: object) -> Pytree:
    parts = children(tree)
    if parts is None:
        return change(tree, *others)
    rows = zip(parts, *(_parts_like(tree, o) for o in others), strict=True)
    return rebuild(tree, [map_leaves(change, *row) for row in rows])


def _parts_like(tree: object, other: object) -> list[object]:
    """The parts of `other`, in the order of those of `tree`."""
    if isinstance(tree, dict) and isinstance(other, dict) and tree.keys() == other.keys():
        return [other[k] for k in tree]
    return children(other) or []


def fit_to(tree: object, direction: object, what: str) -> Pytree:
    """A tangent or weight with the structure, shapes and dtypes of the value that it belongs to.

    None stands for zero, and for the direction of a leaf that is not a float.

    Raises
    ------
    ValueError
        For another structure or shape; `what` names the direction in the message.
    """
    parts = children(tree)
    if parts is None:
        return _fit_leaf(tree, direction, what)
    if direction is None:
        return rebuild(tree, [fit_to(p, None, what) for p in parts])
    mine = _parts_like(tree, direction)
    if type(direction) is not type(tree) or len(mine) != len(parts):
        expected = f"a {type(tree).__name__} of {len(parts)}, as what it belongs to"
        raise ValueError(f"{what} has to be {expected}, not {direction!r}")
    keys = list(tree) if isinstance(tree, dict) else range(len(parts))
    return rebuild(
        tree, [fit_to(p, d, f"{what}[{k!r}]") for k, p, d in zip(keys, parts, mine, strict=True)]
    )


def _fit_object(tree: object, direction: object, what: str) -> Pytree:
    if direction is not None and type(direction) is not type(tree):
        raise ValueError(f"{what} has to be a {type(tree).__name__}, not {direction!r}")
    new = object.__new__(type(tree))
    for name, part in attributes(tree).items():
        own = getattr(direction, name, None)
        object.__setattr__(new, name, fit_to(part, own, f"{what}.{name}"))
    return new


def _fit_leaf(leaf: Pytree, direction: Pytree, what: str) -> Pytree:
    if type(leaf) is float and type(direction) is float:
        return direction
    if not is_float_leaf(leaf):
        return _fit_object(leaf, direction, what) if is_object(leaf) else None
    if direction is None:
        return np.zeros_like(leaf) if isinstance(leaf, np.ndarray) else type(leaf)(0.0)
    dtype = np.asarray(leaf).dtype
    kinds = "biufc" if dtype.kind == "c" else "biuf"
    if np.asarray(direction).dtype.kind not in kinds or isinstance(direction, list | tuple):
        raise ValueError(f"{what} has to hold floats, not {direction!r}")
    if np.shape(direction) != np.shape(leaf):
        raise ValueError(
            f"{what} has shape {np.shape(direction)}, what it belongs to has {np.shape(leaf)}"
        )
    if isinstance(leaf, np.ndarray) and leaf.ndim:
        return np.ascontiguousarray(direction, dtype)
    return type(leaf)(direction) if type(leaf) in (float, complex) else dtype.type(direction)


def leaves(tree: object) -> Iterator[Any]:
    parts = children(tree)
    if parts is None:
        yield tree
    else:
        for part in parts:
            yield from leaves(part)


def is_float_leaf(leaf: object) -> bool:
    """Whether derivatives go through a leaf: a float or complex number, or an array of them."""
    if isinstance(leaf, float | complex | np.inexact):
        return True
    return isinstance(leaf, np.ndarray) and leaf.dtype.kind in "fc"


def float_positions(args: Sequence[object]) -> tuple[int, ...]:
    """The positions of arguments with float leaves or objects, which derivatives can be taken with respect to."""
    return tuple(
        k for k, a in enumerate(args) if any(is_float_leaf(v) or is_object(v) for v in leaves(a))
    )


def random_like(tree: object, rng: np.random.Generator) -> Pytree:
    """Standard normal numbers in the place of floats; None elsewhere."""

    def draw(leaf: Pytree) -> Pytree:
        if not is_float_leaf(leaf):
            return None
        drawn = rng.normal(size=np.shape(leaf))
        if np.iscomplexobj(leaf):
            drawn = drawn + 1j * rng.normal(size=np.shape(leaf))
        return drawn.astype(np.asarray(leaf).dtype) if np.ndim(leaf) else np.asarray(drawn).item()

    return map_leaves(draw, tree)


def add_scaled(tree: object, direction: object, scale: float) -> Pytree:
    """`tree + scale * direction`, in new arrays; leaves without a direction are copied."""

    def step(leaf: Pytree, d: Pytree) -> Pytree:
        if d is None:
            return leaf.copy() if isinstance(leaf, np.ndarray) else leaf
        return leaf + scale * d

    return map_leaves(step, tree, direction)


def dot(left: object, right: object) -> float:
    """The sum of products over float leaves, the real part of complex ones; leaves that are None count as zero."""
    pairs = zip(leaves(left), leaves(right), strict=True)
    return float(
        sum(
            np.sum(np.asarray(a) * np.asarray(b)).real
            for a, b in pairs
            if a is not None and b is not None
        )
    )
