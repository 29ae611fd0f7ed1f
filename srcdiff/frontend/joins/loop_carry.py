"""One name that a loop carries: its structure, the types of its leaves, and which of their lengths change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.symbols import Symbols
from srcdiff.frontend.core.values import (
    Closure,
    FrontValue,
    Held,
    Parts,
    flatten,
    is_same,
    is_same_function,
    part_name,
    parts_of,
    rebuild,
)
from srcdiff.frontend.joins.join_types import UNKNOWN
from srcdiff.ir.types import Array, List, Scalar, Type
from srcdiff.ir.values import Const, Value


@dataclass
class Carry:
    """A name whose value a loop carries."""

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
        """The value of the name at the start of an iteration."""
        return self.rebuilt(self.own)

    def rebuilt(self, values: Sequence[Value]) -> FrontValue:
        """The structure with values in the places of those that are carried."""
        return released(rebuild(self.template, iter(values)))

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


def held(value: FrontValue) -> FrontValue:
    """A structure with the lists in it held: what is done to them does not make others of them."""
    if isinstance(value, Parts):
        return replace(value, values=tuple(map(held, value.values)))
    return Held(value) if isinstance(value, Value) and isinstance(value.type, List) else value


def held_as(template: FrontValue, value: FrontValue) -> FrontValue:
    """A structure with those lists held that are the ones that a template holds."""
    if isinstance(template, Parts) and isinstance(value, Parts):
        pairs = zip(template.values, value.values, strict=False)
        kept = [held_as(t, v) for t, v in pairs]
        return replace(value, values=(*kept, *value.values[len(kept) :]))
    return template if isinstance(template, Held) and template.value is value else value


def released(value: FrontValue) -> FrontValue:
    """The structure with its lists themselves."""
    if isinstance(value, Parts):
        return replace(value, values=tuple(map(released, value.values)))
    return value.value if isinstance(value, Held) else value


def grown_cells(before: FrontValue, after: FrontValue) -> Iterator[str]:
    """The lists of known parts that are, or hold, something else than before."""
    if isinstance(before, Parts) and isinstance(after, Parts) and before.keys == after.keys:
        for one, other in zip(before.values, after.values, strict=True):
            yield from grown_cells(one, other)
        return
    for value, other in ((before, after), (after, before)):
        is_list = isinstance(other, Value) and isinstance(other.type, List)
        if not (is_list or isinstance(other, Parts)) or not isinstance(value, Parts):
            continue
        if value.kind == "list" and value.cell:
            yield value.cell


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
    if isinstance(template, Parts | Closure):
        keys = template.keys if isinstance(template, Parts) else template.defaults
        for key, part in zip(keys, parts_of(template), strict=True):
            yield from _hints(part, part_name(name, key))
    elif next(flatten(template), None) is not None:
        base, _, rest = name.partition("_")
        base = base.rstrip("0123456789") if base.startswith("%") else base
        yield _PSEUDO[base] + (f"_{rest}" if rest else "") if base in _PSEUDO else name


def _varying(shapes: Symbols, type_: Type, varies: set[int], loose: set[int], name: str) -> Type:
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


def is_identical(a: FrontValue, b: FrontValue) -> bool:
    if isinstance(a, Parts) and isinstance(b, Parts):
        return a.keys == b.keys and all(map(is_same_part, a.values, b.values))
    return is_same(a, b)


def is_same_part(a: FrontValue, b: FrontValue) -> bool:
    if isinstance(a, Parts) and isinstance(b, Parts) and (a.cell or b.cell):
        return a.cell == b.cell  # its parts are compared by themselves
    return is_identical(a, b)


def widened(own: Type, known: Type) -> Type:
    """A type before the loop, widened by what an earlier reading found."""
    if isinstance(own, Scalar) and isinstance(known, Scalar):
        return (
            Scalar(known.dtype, known.weak)
            if (own.dtype, own.weak) != (known.dtype, known.weak)
            else own
        )
    if isinstance(own, Array) and isinstance(known, Array):
        return Array(known.dtype, own.shape)
    return known if isinstance(own, List) and own.element == UNKNOWN else own


def same_structure(a: FrontValue, b: FrontValue) -> bool:
    if isinstance(a, Parts) and isinstance(b, Parts):
        return (a.kind, a.keys, a.cls) == (b.kind, b.keys, b.cls) and all(
            map(same_structure, a.values, b.values)
        )
    if isinstance(a, Held) and isinstance(b, Held):
        return a.value is b.value
    if isinstance(a, Closure) and isinstance(b, Closure):
        return is_same_function(a, b) and all(map(same_structure, parts_of(a), parts_of(b)))
    atoms = [isinstance(v, Value | Const) and next(flatten(v), None) is not None for v in (a, b)]
    return all(atoms) or (not any(atoms) and is_same(a, b))
