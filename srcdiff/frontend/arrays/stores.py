"""Writing by subscripts: elements and slices of arrays, items of lists, parts of containers; `+=` in place."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import replace

import gast

from srcdiff.frontend.arrays.static_keys import need_static, part_key, static_slice
from srcdiff.frontend.arrays.subscripts import Place, array_of, place_of, position_of, read_item
from srcdiff.frontend.containers.container_views import refuse_viewed
from srcdiff.frontend.containers.dunder_methods import call_dunder
from srcdiff.frontend.containers.lists import put_in
from srcdiff.frontend.core.frame import Frame, an, describe
from srcdiff.frontend.core.restarts import Restart
from srcdiff.frontend.core.values import FrontValue, Parts, Slice, is_static, static
from srcdiff.frontend.joins.may_alias import refuse_twins
from srcdiff.frontend.joins.phi import unpack_struct
from srcdiff.ir.core import OpDecl
from srcdiff.ir.dims import ShapeMismatch
from srcdiff.ir.types import Array, Dim, List, Struct, shape_of
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays.containers import list_item
from srcdiff.ops.arrays.memory import add_at, add_into, gather, index, store
from srcdiff.ops.arrays.subscript_types import subscript_shape
from srcdiff.ops.core.type_rules import TypeMistake
from srcdiff.ops.elementwise.arithmetic import negative


def write_item(
    fr: Frame, base: FrontValue, key: FrontValue, value: FrontValue, node: gast.AST
) -> None:
    if call_dunder(fr, node, base, "__setitem__", key, value) is not None:
        return
    container = writable(fr, base, node)
    if container is not None:
        _write_part(fr, container, key, value, node)
        return
    target = fr.as_atom(base, node)
    if isinstance(target, Value) and isinstance(target.type, List):
        if target.type.is_tuple:
            fr.untyped(node, "an item of a tuple is assigned", "Make it a list.")
        if isinstance(key, Slice):
            fr.store_slice(node, target, key, value)
            return
        put_in(fr, node, target, position_of(fr, key, node), value)
        return
    place = place_of(fr, target, key, node)
    _write(fr, store, target, array_of(fr, value, node), place, node, is_assignment=True)


def writable(fr: Frame, base: FrontValue, node: gast.AST) -> Parts | None:
    """The container that is written into, where it is one of known parts."""
    session = fr.session
    if (
        isinstance(base, Value)
        and isinstance(base.type, Struct)
        and base.type.kind in ("dict", "list", "dataclass")
    ):
        base = open_parameter(fr, base, node)
    if isinstance(base, Parts) and base.cell:
        if base.cell in session.on_lists:
            if base.kind == "list":
                session.grow_cell(base.cell)
            fr.untyped(
                node,
                f"{an(base.kind)} is changed after it was put on a list",
                "Change it before, or put a new one there.",
            )
        refuse_viewed(fr, base.cell, node)
        refuse_twins(fr, base, node)
        return session.cells[base.cell]
    if isinstance(base, Parts) or (isinstance(base, Value) and isinstance(base.type, Struct)):
        is_outside = isinstance(base, Parts) and base.kind in ("list", "dict")
        (fr.untyped if is_outside else fr.fail)(
            node,
            f"writing into {describe(base)} is not supported",
            "Make a new container, or use an array.",
        )
    return None


def open_parameter(fr: Frame, value: Value, node: gast.AST) -> FrontValue:
    """A struct-typed parameter, or a part of one, as a container that may be written into: from where it is defined,
    so that every iteration of a loop, and every later read of that part, sees the change.
    """
    session = fr.session
    if value in session.opened:
        return session.current(value)
    param = value
    while param in session.part_of:
        param = session.part_of[param]
    if param not in session.params and value.type.kind == "list":  # type: ignore[union-attr]
        session.grow(k for k in session.items if ("grows", k) not in session.hints)
    is_param = any(p is param for p in session.params)
    if not is_param or (value is not param and ("opened", param.name) in session.hints):
        fr.untyped(
            node,
            f"writing into {describe(value)} is not supported here",
            "Make a new container.",
        )
    if session.shapes.regions or value is not param or param in session.viewed_params:
        session.hints["opened", param.name] = True
        raise Restart
    session.writes_params = True
    opened = _with_cells(fr, value, node)
    session.opened[value] = opened
    return opened


def _with_cells(fr: Frame, value: Value, node: gast.AST) -> Parts:
    """A struct-typed value as a structure whose dicts and lists may be written into."""
    parts = unpack_struct(fr, value, node)
    values = [
        _with_cells(fr, v, node) if isinstance(v, Value) and isinstance(v.type, Struct) else v
        for v in parts.values
    ]
    made = replace(parts, values=tuple(values))
    may_change = made.kind in ("dict", "list", "dataclass")
    return fr.session.new_cell(made) if may_change else made


def _write_part(
    fr: Frame, container: Parts, key: FrontValue, value: FrontValue, node: gast.AST
) -> None:
    if isinstance(key, Slice) and container.kind == "list":
        _write_slice(fr, container, key, value, node)
        return
    if isinstance(key, Slice) or not is_static(key):
        need_static(fr, key, node)
    if container.kind not in ("dict", "list"):
        fr.fail(node, f"{describe(container)} has no items to assign to", "Set an attribute.")
    wanted = static(key)
    keys, values = list(container.keys), list(container.values)
    if container.kind == "dict" and wanted not in keys:
        keys.append(wanted)
        values.append(value)
    else:
        values[keys.index(part_key(fr, container.kind, container.keys, key, node))] = value
    fr.session.cells[container.cell] = replace(container, keys=tuple(keys), values=tuple(values))


def _write_slice(
    fr: Frame, container: Parts, key: Slice, value: FrontValue, node: gast.AST
) -> None:
    """`xs[1:3] = ys`, for a list of known length."""
    wanted = static_slice(fr, key, node)
    given = fr.iterable(value, node)
    if not isinstance(given, Parts):
        fr.session.grow_cell(container.cell)
        fr.untyped(
            node,
            "a slice of a list takes a container of known length here",
            "Assign the items one by one in a loop.",
        )
    values = list(container.values)
    replaced = len(values[wanted])
    if len(given.values) != replaced and fr.session.is_from_before(container.cell):
        fr.session.grow_cell(container.cell)
    fr.evaluated(node, operator.setitem, values, wanted, given.values)
    fr.session.cells[container.cell] = replace(
        container, keys=tuple(range(len(values))), values=tuple(values)
    )


def _write(
    fr: Frame,
    decl: OpDecl,
    target: Atom,
    value: Atom,
    place: Place,
    node: gast.AST,
    is_assignment: bool = False,
) -> None:
    """Append a write, and learn from it that the lengths fit."""
    axes = _check_fit(fr, target, value, place, node, is_assignment)
    if axes:
        value = fr.op(node, index, value, *[const(0)] * axes, where=", ".join("i" * axes))
    fr.ops(node, decl, target, value, *place.operands, **place.attrs)


def _check_fit(
    fr: Frame, target: Atom, value: Atom, place: Place, node: gast.AST, is_assignment: bool
) -> int:
    """Refuse a value that does not fit the part that is written; how many leading axes of length 1 it has too many,
    which an assignment takes and an operation in place does not.
    """
    shapes, own = fr.session.shapes, shape_of(value.type)
    try:
        written = subscript_shape(shapes, shape_of(target.type), place.attrs, place.operands)
        axes = max(len(own) - len(written), 0)
        if axes and not (written and is_assignment):
            raise TypeMistake("an array with more axes than the part is written")
        for d in own[:axes]:
            shapes.must_equal(d, Dim(1), "leading axes of lengths")
        shapes.broadcast([written, own[axes:]])
        return axes
    except (TypeMistake, ShapeMismatch) as mistake:
        fr.fail(
            node,
            str(mistake),
            "The value must have the shape of the part that is written, or broadcast to it.",
        )


def update_item(
    fr: Frame,
    base: FrontValue,
    key: FrontValue,
    op: gast.operator,
    value: FrontValue,
    node: gast.AST,
    combine: Callable[..., FrontValue],
) -> None:
    """`base[key] op= value`; `combine(op, old, value)` computes the new value."""
    container = writable(fr, base, node)
    if container is not None:
        part = fr.unwrap(read_item(fr, container, key, node), node)
        if isinstance(part, Value) and isinstance(part.type, Array):
            add_to(fr, part, op, fr.as_atom(value, node), node, combine)
        else:
            new = fr.updated(node, part, combine(op, part, value))
            _write_part(fr, container, key, new, node)
        return
    target = fr.as_atom(base, node)
    if isinstance(target, Value) and isinstance(target.type, List):
        if target.type.is_tuple:
            fr.untyped(node, "an item of a tuple is assigned", "Make it a list.")
        if isinstance(key, Slice):
            fr.untyped(node, "a slice of a list is changed in place", "Assign it: `xs[a:b] = ys`.")
        position = position_of(fr, key, node)
        old = fr.op(node, list_item, target, position)
        if isinstance(old.type, Array):
            add_to(fr, old, op, fr.as_atom(value, node), node, combine)
        else:
            new = fr.updated(node, old, combine(op, old, value))
            put_in(fr, node, target, position, new)
        return
    place = place_of(fr, target, key, node)
    addend = array_of(fr, value, node)
    if isinstance(op, gast.Add | gast.Sub):
        _write(fr, add_into, target, _signed(fr, op, addend, node), place, node)
        return
    old = fr.op(node, index if place.is_view else gather, target, *place.operands, **place.attrs)
    _write(fr, store, target, fr.as_atom(combine(op, old, addend), node), place, node)


def add_each(fr: Frame, node: gast.AST, args: Sequence[FrontValue]) -> FrontValue:
    """`np.add.at(base, key, value)`: places that are named twice are added to twice."""
    if len(args) != 3:
        fr.fail(node, "np.add.at takes an array, a subscript and what is added")
    base, key, value = args
    if writable(fr, base, node) is not None or isinstance(base, Parts):
        fr.fail(node, "np.add.at adds to an array", "Write `+=` for a container.")
    target = fr.as_atom(base, node)
    place = place_of(fr, target, key, node)
    _write(
        fr, add_into if place.is_view else add_at, target, array_of(fr, value, node), place, node
    )
    return const(None)


def subtract_each(fr: Frame, node: gast.AST, args: Sequence[FrontValue]) -> FrontValue:
    """`np.subtract.at(base, key, value)`."""
    *rest, value = args
    return add_each(fr, node, [*rest, fr.op(node, negative, array_of(fr, value, node))])


def add_to(
    fr: Frame,
    target: Atom,
    op: gast.operator,
    value: Atom,
    node: gast.AST,
    combine: Callable[..., FrontValue],
) -> None:
    """`x op= value` for an array: in place, so that every other name for it sees the change."""
    everything = Place("", ())
    if isinstance(op, gast.Add | gast.Sub):
        _write(fr, add_into, target, _signed(fr, op, value, node), everything, node)
    else:
        _write(fr, store, target, fr.as_atom(combine(op, target, value), node), everything, node)


def _signed(fr: Frame, op: gast.operator, value: Atom, node: gast.AST) -> Atom:
    return value if isinstance(op, gast.Add) else fr.op(node, negative, value)
