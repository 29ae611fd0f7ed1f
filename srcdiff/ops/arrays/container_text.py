"""The text of containers: a struct from its parts, and values that have the shape of another value."""

from __future__ import annotations

from collections.abc import Sequence

from srcdiff.ir.types import Array, List, Scalar, Struct, Type


def struct_text(kind: str, keys: Sequence[object], texts: Sequence[str], cls: type | None) -> str:
    """The template of a container with these parts."""
    if kind == "tuple":
        return f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"
    if kind == "list":
        return f"[{', '.join(texts)}]"
    pairs = list(zip(keys, texts, strict=True))
    # an object that must be one value is held as a dict of its attributes
    if kind in ("dict", "object"):
        return "{{" + ", ".join(f"{k!r}: {t}" for k, t in pairs) + "}}"
    assert cls is not None
    return f"{cls.__name__}({', '.join(f'{k}={t}' for k, t in pairs)})"


def part_texts(type_: Struct, name: str) -> list[tuple[str, Type]]:
    """The text of each part of a container, with its type."""
    fields = type_.kind in ("namedtuple", "dataclass")
    return [
        (f"{name}.{k}" if fields else f"{name}[{k!r}]", t)
        for k, t in zip(type_.keys, type_.parts, strict=True)
    ]


def same_form(type_: Type, name: str, array: str, number: str) -> str:
    """A value shaped like the one in `name`; `array` and `number` are the templates of its leaves."""
    if isinstance(type_, Array):
        return array.format(name)
    if isinstance(type_, Scalar):
        return number.format(name)
    if isinstance(type_, List):
        return f"[{same_form(type_.element, 'part', array, number)} for part in {name}]"
    if isinstance(type_, Struct):
        texts = [same_form(t, part, array, number) for part, t in part_texts(type_, name)]
        return struct_text(type_.kind, type_.keys, texts, type_.cls)
    return name


def same_form_list(type_: List, array: str, number: str) -> str:
    """The template of a list whose elements have the shapes of the operand's elements."""
    return f"[{same_form(type_.element, 'item', array, number)} for item in {{0}}]"
