"""How containers are written: struct by struct, and values that are shaped like others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from srcdiff.ir.types import Array, List, Scalar, Struct, Type

__all__ = ["alike", "alike_list", "part_texts", "struct_text"]


def struct_text(kind: str, keys: Sequence[Any], texts: Sequence[str], cls: type | None) -> str:
    """How a container of these parts is written, as a template."""
    if kind == "tuple":
        return f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"
    if kind == "list":
        return f"[{', '.join(texts)}]"
    pairs = list(zip(keys, texts, strict=True))
    if kind in ("dict", "object"):  # the attributes of an object, where one value has to hold them
        return "{{" + ", ".join(f"{k!r}: {t}" for k, t in pairs) + "}}"
    assert cls is not None
    return f"{cls.__name__}({', '.join(f'{k}={t}' for k, t in pairs)})"


def part_texts(type_: Struct, name: str) -> list[tuple[str, Type]]:
    """How the parts of a container are written."""
    fields = type_.kind in ("namedtuple", "dataclass")
    return [
        (f"{name}.{k}" if fields else f"{name}[{k!r}]", t)
        for k, t in zip(type_.keys, type_.parts, strict=True)
    ]


def alike(type_: Type, name: str, array: str, number: str) -> str:
    """A value shaped like the one that an expression holds: `array` and `number` say what stands for its leaves."""
    if isinstance(type_, Array):
        return array.format(name)
    if isinstance(type_, Scalar):
        return number.format(name)
    if isinstance(type_, List):
        return f"[{alike(type_.element, 'part', array, number)} for part in {name}]"
    if isinstance(type_, Struct):
        texts = [alike(t, part, array, number) for part, t in part_texts(type_, name)]
        return struct_text(type_.kind, type_.keys, texts, type_.cls)
    return name


def alike_list(type_: List, array: str, number: str) -> str:
    """The template of a list whose elements are shaped like those of the operand."""
    return f"[{alike(type_.element, 'item', array, number)} for item in {{0}}]"
