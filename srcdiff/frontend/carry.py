"""One name that a loop carries: its structure, the types of its leaves, and which of their lengths change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from srcdiff.frontend.frame import Frame
from srcdiff.frontend.values import (
    FrontValue,
    Parts,
    flatten,
    rebuild,
)
from srcdiff.ir.core import Value
from srcdiff.ir.types import Array, Scalar, Type

__all__ = ["Carry", "plain_type"]


@dataclass
class Carry:
    """A name that goes from turn to turn."""

    name: str
    init: FrontValue  # MISSING: not bound before the loop
    template: FrontValue  # its structure; MISSING while not known
    types: list[Type] = field(default_factory=list)
    varies: list[set[int]] = field(
        default_factory=list
    )  # for each leaf, the axes whose lengths change
    loose: list[set[int]] = field(
        default_factory=list
    )  # ... and those of them that may have length 1
    own: list[Value] = field(default_factory=list)  # the parameters of the body
    hint: str = ""

    @property
    def at_start(self) -> FrontValue:
        """What the name stands for when a turn begins."""
        return rebuild(self.template, iter(self.own))

    def params(self, fr: Frame) -> list[Value]:
        """New parameters, with a symbol of its own for every length and integer that changes."""
        self.types = self.fresh_types(fr)
        return self.values(self.types)

    def fresh_types(self, fr: Frame) -> list[Type]:
        leaves = zip(self.types, self.varies, self.loose, strict=True)
        return [_varying(fr.session.shapes, t, v, o, self.name) for t, v, o in leaves]

    def results(self, fr: Frame) -> list[Value]:
        return self.values(self.fresh_types(fr))

    def values(self, types: Sequence[Type]) -> list[Value]:
        hints = list(_hints(self.template, self.hint or self.name))
        user = self.name.isidentifier() and not isinstance(self.template, Parts)
        return [Value(t, h, user) for t, h in zip(types, hints, strict=True)]


_PSEUDO = {
    "%value": "value",
    "%return": "returned",
    "%broke": "broke",
    "%sum": "total",
    "%found": "found",
    "%list": "items",
}


def _hints(template: FrontValue, name: str) -> Iterator[str]:
    """Names for the leaves of a structure."""
    if isinstance(template, Parts):
        for key, part in zip(template.keys, template.values, strict=True):
            yield from _hints(part, f"{name}_{key}")
    elif next(flatten(template), None) is not None:
        base, _, rest = name.partition("_")
        yield _PSEUDO[base] + (f"_{rest}" if rest else "") if base in _PSEUDO else name


def _varying(shapes: Any, type_: Type, varies: set[int], loose: set[int], name: str) -> Type:
    if isinstance(type_, Array):
        lengths = [
            shapes.fresh("k" if k in loose else "k_") if k in varies else d
            for k, d in enumerate(type_.shape)
        ]
        return Array(type_.dtype, tuple(lengths))
    if isinstance(type_, Scalar) and type_.dtype == "int64":
        return Scalar("int64", type_.weak, shapes.fresh(name if name.isidentifier() else "i"))
    return type_


def plain_type(type_: Type) -> Type:
    return Scalar(type_.dtype, type_.weak) if isinstance(type_, Scalar) else type_
