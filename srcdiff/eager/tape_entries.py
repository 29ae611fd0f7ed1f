"""Entries of the tape: operations, loads, writes and additions; and adjoints that are added to structures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from srcdiff.compile.arguments.pytree import children, is_float_leaf
from srcdiff.eager.rewrite.error_traces import Step, running_steps
from srcdiff.eager.shadow_values import Shadows, Tracked
from srcdiff.errors import UnsupportedError
from srcdiff.ir.structs import attributes, is_object

Leaf = Callable[..., object]


@dataclass(eq=False)
class Operation:
    """A function of plain arguments that was called.

    Attributes
    ----------
    arguments
        The arguments of the call, with the program's own arrays.
    kept
        The arguments with copies of arrays, which are never written.
    value
        The result, with None in the place of parts of arguments.
    steps
        The lines of the user's that were running.
    """

    leaf: Leaf
    wrt: tuple[int, ...]
    arguments: tuple[Any, ...]
    kept: tuple[Any, ...]
    value: Any
    made: Any
    tangents: tuple[Any, ...] = ()
    steps: tuple[Step, ...] = field(default_factory=running_steps)


@dataclass(eq=False)
class Item:
    """`value = array[key]`."""

    array: np.ndarray[Any, Any]
    key: Any
    value: Any


@dataclass(eq=False)
class Write:
    """`array[key] = value`."""

    array: np.ndarray[Any, Any]
    key: Any
    value: Any


@dataclass(eq=False)
class Addition:
    """`np.add.at(array, key, value)`."""

    array: np.ndarray[Any, Any]
    key: Any
    value: Any


def refuse_untracked(leaf: Leaf, values: Sequence[object]) -> None:
    """Refuse results through which derivatives would be lost."""
    for v in values:
        if isinstance(v, np.ndarray | np.generic) and v.dtype.kind == "O":
            raise UnsupportedError(
                f"`{leaf.__name__}` gives an array of objects, which a dynamic program does not differentiate",
                "Use arrays of floats.",
            )
        if isinstance(v, str | bytes) or leaf.__name__ == "as_integer_ratio":
            raise UnsupportedError(
                f"`{leaf.__name__}` writes down what is differentiated, and what is read there has no derivative",
                "Use the number itself; str() writes what is only shown.",
            )


def spread(shadows: Shadows, tracked: Tracked, value: Any, d_value: Any) -> None:
    """Add adjoints to those of the floats in a structure."""
    parts = children(value)
    if parts is None and is_object(value):
        parts, d_parts = list(attributes(value).values()), list(attributes(d_value).values())
    elif parts is not None:
        d_parts = children(d_value) or []
    if parts is not None:
        for part, d in zip(parts, d_parts, strict=True):
            spread(shadows, tracked, part, d)
    elif is_float_leaf(value) and tracked.has(value):
        shadows.add(value, d_value)


def is_same(leaf: object) -> object:
    return leaf


def copied(leaf: object) -> Any:
    return leaf.copy() if isinstance(leaf, np.ndarray) else leaf


def is_picking(key: object) -> bool:
    """Whether a key has index arrays, which may name a place twice."""
    parts = key if isinstance(key, tuple) else (key,)
    return any(isinstance(p, list | np.ndarray) for p in parts)


def is_last(shape: tuple[int, ...], key: Any) -> Any:
    """Which of the stored values are not overwritten by later values of the same store."""
    numbers = np.full(shape, -1)
    own = np.arange(numbers[key].size).reshape(numbers[key].shape)
    numbers[key] = own
    return numbers[key] == own


def summed_to(d: np.ndarray, shape: tuple[int, ...]) -> object:
    """An adjoint summed over the axes along which a value was broadcast."""
    while np.ndim(d) > len(shape):
        d = d.sum(axis=0)
    axes = tuple(k for k, n in enumerate(shape) if n == 1 and d.shape[k] != 1)
    return d.sum(axis=axes, keepdims=True) if axes else d
