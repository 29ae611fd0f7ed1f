"""Containers of known parts as Python objects: how one is put together, and how a part is taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["build_struct", "take_part"]


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
