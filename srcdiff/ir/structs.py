"""Containers of known parts as Python objects: how one is put together, and how a part is taken."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

__all__ = ["COMPILED_KINDS", "build_struct", "field_names", "take_part"]

COMPILED_KINDS = ("tuple", "namedtuple")  # the containers of unlike parts that compiled code has


def field_names(value: Any) -> tuple[str, ...]:
    """The fields of a named tuple or dataclass, or of its class."""
    return getattr(value, "_fields", None) or tuple(f.name for f in dataclasses.fields(value))


def build_struct(kind: str, keys: Sequence[Any], parts: Sequence[Any], cls: type | None) -> Any:
    """The container itself."""
    if kind == "tuple":
        return tuple(parts)
    if kind == "list":
        return list(parts)
    pairs = dict(zip(keys, parts, strict=True))
    return pairs if cls is None else cls(**pairs)


def take_part(container: Any, kind: str, key: Any) -> Any:
    return getattr(container, key) if kind in ("namedtuple", "dataclass") else container[key]
