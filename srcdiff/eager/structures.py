"""Structures of dynamic programs: arguments and results are containers and objects over numbers and arrays."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from srcdiff.compile.arguments.pytree import children, rebuild
from srcdiff.ir.structs import attributes, is_object

_NUMBERS = (bool, int, float, complex, np.generic)


def is_plain(value: object) -> bool:
    """Whether a value is a number, an array or None."""
    return isinstance(value, (*_NUMBERS, np.ndarray, type(None)))


def duplicate(value: Any, leaf: Callable[[Any], Any], memo: dict[int, Any] | None = None) -> Any:
    """A structure like `value`, with `leaf` applied to its leaves; a container that occurs twice stays one object."""
    memo = {} if memo is None else memo
    if id(value) in memo:
        return memo[id(value)][0]
    made: Any
    if isinstance(value, list):
        made = []
        memo[id(value)] = made, value
        made.extend(duplicate(v, leaf, memo) for v in value)
        return made
    if isinstance(value, dict):
        made = copy.copy(value)
        memo[id(value)] = made, value
        made.update((k, duplicate(v, leaf, memo)) for k, v in value.items())
        return made
    if isinstance(value, tuple):
        made = rebuild(value, [duplicate(v, leaf, memo) for v in value])
    elif is_object(value):
        made = object.__new__(type(value))
        memo[id(value)] = made, value
        for name, part in attributes(value).items():
            object.__setattr__(made, name, duplicate(part, leaf, memo))
        return made
    else:
        made = leaf(value)
    return made


def leaves_of(value: object, seen: set[int] | None = None) -> list[Any]:
    seen = set() if seen is None else seen
    if isinstance(value, list | tuple | set | frozenset):
        parts: Any = value
    elif isinstance(value, dict):
        parts = value.values()
    elif is_object(value):
        parts = attributes(value).values()
    else:
        return [value]
    if not isinstance(value, tuple):
        if id(value) in seen:
            return []
        seen.add(id(value))
    return [leaf for part in parts for leaf in leaves_of(part, seen)]


def fresh(value: Any) -> Any:
    """A real or complex number as an object of its own: no other value shares its identity."""
    if type(value) in (float, complex):
        return value * 1.0
    if isinstance(value, np.inexact):
        return value.dtype.type(value * value.dtype.type(1))
    return value


def shared(tree: object) -> Any:
    """The same leaves in new containers, which the program cannot change."""
    parts = children(tree)
    return tree if parts is None else rebuild(tree, [shared(p) for p in parts])
