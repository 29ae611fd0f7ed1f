"""Assignment: names get values, tuples of targets are unpacked, subscripts are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gast

from srcdiff.frontend.arrays.stores import write_item
from srcdiff.frontend.arrays.subscripts import read_item, shape_parts, subscripted
from srcdiff.frontend.callees.objects import write_attribute
from srcdiff.frontend.containers.closure_lists import opened
from srcdiff.frontend.containers.dunder_methods import refuse_own_items
from srcdiff.frontend.containers.lists import is_long_tuple, known_list, marked
from srcdiff.frontend.core.frame import Frame, describe
from srcdiff.frontend.core.naming import bind_name
from srcdiff.frontend.core.values import FrontValue, Items, Known, Parts, ShapeOf, Slice, sequence
from srcdiff.frontend.iteration.iterables import taken
from srcdiff.frontend.joins.phi import unpack_struct
from srcdiff.ir.dims import ShapeMismatch
from srcdiff.ir.types import Array, Dim, List, Static, Struct, Type
from srcdiff.ir.values import Const, Value, const
from srcdiff.ops.arrays.containers import list_item, unpack


def assign(
    fr: Frame, target: gast.AST, value: FrontValue, node: gast.AST, since: int | None = None
) -> None:
    """Bind a target. `since`: the length of the builder's body before the value was computed."""
    match target:
        case gast.Name():
            bind_name(fr, target.id, value, len(fr.b.body) - 1 if since is None else since)
        case gast.Tuple() | gast.List():
            _unpack(fr, target, fr.unwrap(value, node), node)
        case gast.Subscript():
            write_item(fr, *subscripted(fr, target), value, target)
        case gast.Attribute():
            write_attribute(fr, fr.expr(target.value), target.attr, value, target)
        case _:
            fr.fail(
                target,
                f"assigning to `{gast.unparse(target)}` is not supported",
                "Assign to a name or a subscript.",
            )


def _unpack(fr: Frame, target: gast.AST, value: FrontValue, node: gast.AST) -> None:
    targets = target.elts
    starred = [k for k, t in enumerate(targets) if isinstance(t, gast.Starred)]
    if starred:
        _unpack_starred(fr, target, targets, starred[0], value, node)
        return
    parts = _parts(fr, value, len(targets), _names(targets), node)
    if len(parts) != len(targets):
        fr.fail(target, f"{len(parts)} values cannot be unpacked into {len(targets)} names")
    for t, part in zip(targets, parts, strict=True):
        if isinstance(t, gast.Name):
            fr.bind(t.id, part)
        else:
            assign(fr, t, part, node)


def _names(targets: Sequence[object]) -> tuple[str, ...]:
    return tuple(t.id if isinstance(t, gast.Name) else "" for t in targets)


def _parts(
    fr: Frame, value: FrontValue, count: int, names: tuple[str, ...], node: gast.AST
) -> Sequence[FrontValue]:
    value = taken(fr, value, node)
    refuse_own_items(fr, node, value)
    match value:
        case Parts():
            _name_parts(fr, value.values, names)
            return value.values
        case ShapeOf():
            parts = shape_parts(fr, value, node).values
            _name_parts(fr, parts, names)
            return parts
        case Value(type=Struct() as type_):
            if len(type_.keys) != count:
                return [const(None)] * len(type_.keys)
            return _unpacked(fr, value, names, node)
        case Value(type=Array() as array):
            _must_have(fr, array, count, node)
            return fr.ops(node, unpack, value, names=names, user=True, count=count)
        case Value(
            type=List(element=List())
        ):  # each is a list on that list, which may be changed there
            return [
                fr.op(node, list_item, value, const(k), name=name, user=True)
                for k, name in enumerate(names)
            ]
        case Value(type=List()):
            items = fr.ops(node, unpack, value, names=names, user=True, count=count)
            return [opened(fr, node, item) for item in items]
        case Items():
            return [value.element(const(k)) for k in range(count)]
        case Const(value=str() | list() | tuple() as known):
            return [const(c) for c in known]
    fr.fail(node, f"cannot unpack {describe(value)}", "Unpack a tuple, a list or an array.")


def _unpacked(
    fr: Frame, value: Value, names: tuple[str, ...], node: gast.AST
) -> Sequence[FrontValue]:
    """The parts of a container, with names where these are not empty; one that is specialised on is itself."""
    assert isinstance(value.type, Struct)
    if not _has_known(value.type):
        return fr.ops(node, unpack, value, names=names, user=any(names), count=len(value.type.keys))
    parts = unpack_struct(fr, value, node).values
    _name_parts(fr, parts, names)
    return parts


def _has_known(type_: Type) -> bool:
    """Whether a container is specialised on values in it, at any depth."""
    if isinstance(type_, Struct):
        return any(map(_has_known, type_.parts))
    return isinstance(type_, Static)


def _name_parts(fr: Frame, parts: Sequence[FrontValue], names: Sequence[str]) -> None:
    """Name what was just made for unpacking; values that have a name keep it."""
    for part, name in zip(parts, names, strict=False):
        if isinstance(part, Value) and name and not part.name:
            object.__setattr__(part, "name", name)
            object.__setattr__(part, "user", fr.session.user_names)


def _must_have(fr: Frame, array: Array, count: int, node: gast.AST) -> None:
    try:
        fr.session.shapes.must_equal(
            array.shape[0], Dim(count), "the number of values to unpack and of names:"
        )
    except ShapeMismatch as mistake:
        fr.fail(node, str(mistake))


def _unpack_starred(
    fr: Frame,
    target: gast.AST,
    targets: Sequence[Any],
    star: int,
    value: FrontValue,
    node: gast.AST,
) -> None:
    after = len(targets) - star - 1
    value = taken(fr, value, node)
    if isinstance(value, ShapeOf):
        value = shape_parts(fr, value, node)
    if isinstance(value, Const) and isinstance(value.value, str | list | tuple):
        value = sequence([const(v) for v in value.value])
    if isinstance(value, Value) and isinstance(value.type, Struct):
        value = sequence(_unpacked(fr, value, (), node))
    if isinstance(value, Parts):
        parts = list(value.values)
        middle = known_list(fr, parts[star : len(parts) - after], node)
        last = parts[len(parts) - after :]
    elif isinstance(value, Value) and isinstance(value.type, Array | List):
        parts = [read_item(fr, value, const(k), node) for k in range(star)]
        last = [read_item(fr, value, const(k - after), node) for k in range(after)]
        between = Slice(const(star), const(-after) if after else None, None)
        middle = read_item(fr, value, between, node)
        if isinstance(middle, Value) and is_long_tuple(middle):  # a list, of a tuple as well
            middle = marked(fr, middle, as_tuple=False)
        if isinstance(value.type, Array):  # a list: what is put there is not put into the array
            middle = fr.call(node, Known(list), [middle])
    else:
        fr.untyped(
            target,
            f"cannot unpack {describe(value)} into a starred name",
            "Take the parts by position.",
        )
    assign(fr, targets[star].value, middle, node)
    for t, part in zip(
        [*targets[:star], *targets[star + 1 :]], [*parts[:star], *last], strict=True
    ):
        assign(fr, t, part, node)
