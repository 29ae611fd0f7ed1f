"""Subscripts: reading, writing and adding to elements, slices and parts of containers."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import gast
import numpy as np

from srcdiff.frontend.arrays.static_keys import (
    is_decidable,
    is_position,
    need_static,
    part_key,
    static_slice,
)
from srcdiff.frontend.containers.closure_lists import opened
from srcdiff.frontend.containers.dunder_methods import call_dunder
from srcdiff.frontend.containers.list_slices import list_slice
from srcdiff.frontend.containers.lists import is_long_tuple, readable
from srcdiff.frontend.containers.long_tuples import long_tuple
from srcdiff.frontend.core.frame import Frame, describe, reads
from srcdiff.frontend.core.values import (
    FrontValue,
    Items,
    Known,
    Parts,
    ShapeOf,
    Slice,
    is_static,
    sequence,
    static,
    static_int,
)
from srcdiff.frontend.joins.phi import unpack_struct
from srcdiff.ir.types import Array, Dim, List, Scalar, Static, Struct, is_float, shape_of
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays.containers import get, list_item
from srcdiff.ops.arrays.memory import axis_length, gather, index
from srcdiff.ops.core.index_patterns import axes_taken, has_arrays, is_mask, is_view
from srcdiff.ops.core.registry import OPERATIONS, find
from srcdiff.ops.indices.masks import nonzero, places_of_true


@reads(gast.Subscript)
def _subscript(fr: Frame, node: gast.AST) -> FrontValue:
    return fr.session.current(read_item(fr, *subscripted(fr, node), node))


def subscripted(fr: Frame, node: gast.AST) -> tuple[FrontValue, FrontValue]:
    """The base of a subscript, and its key: `x.flat[k]` is a subscript of `x`, whatever its layout."""
    if not isinstance(node.value, gast.Attribute) or node.value.attr != "flat":
        return fr.expr(node.value), fr.expr(node.slice)
    base = fr.expr(node.value.value)
    if not isinstance(getattr(base, "type", None), Array):
        return fr.attribute(base, "flat", node.value), fr.expr(node.slice)
    key = fr.expr(node.slice)
    if isinstance(key, Slice | Parts | Value) and not isinstance(
        getattr(key, "type", None), Scalar
    ):
        count = fr.attribute(base, "size", node.value)
        numbers = fr.call(node, Known(np.arange), [count])
        key = read_item(fr, numbers, key, node)
    return base, fr.call(node, Known(np.unravel_index), [key, ShapeOf(fr.as_atom(base, node))])


@reads(gast.Slice)
def _slice(fr: Frame, node: gast.AST) -> FrontValue:
    return Slice(
        *(None if part is None else fr.expr(part) for part in (node.lower, node.upper, node.step))
    )


# ---- reading ---------------------------------------------------------------------------------------------


def read_item(fr: Frame, base: FrontValue, key: FrontValue, node: gast.AST) -> FrontValue:
    found = call_dunder(fr, node, base, "__getitem__", key)
    if found is not None:
        return found
    if isinstance(base, ShapeOf):
        number = static_int(key) if not isinstance(key, Slice) else None
        if number is not None:
            return length_along(fr, base.array, number, node)
        base = shape_parts(fr, base, node)
    if isinstance(base, Known) and isinstance(base.value, type(np.s_)):
        return key  # np.s_[...]
    of_object = fr.item_of_object(base, key, node) if isinstance(base, Known) else None
    if of_object is not None:
        return of_object
    if isinstance(base, Known) or (isinstance(base, Const) and isinstance(base.type, Static)):
        return _static_item(fr, base, key, node)
    base = _of_any_place(fr, base, key, node)
    if isinstance(base, Value) and isinstance(base.type, Struct):
        if not isinstance(key, Slice):
            wanted = part_key(fr, base.type.kind, base.type.keys, key, node)
            part = fr.op(node, get, base, key=wanted)
            fr.session.part_of[part] = base
            return part
        base = unpack_struct(fr, base, node)
    if isinstance(base, Parts):
        if isinstance(key, Slice):
            wanted = static_slice(fr, key, node)
            return sequence(fr.evaluated(node, operator.getitem, base.values, wanted), base.kind)
        return base.values[base.keys.index(_part_of(fr, base, key, node))]
    array = fr.as_atom(base, node)
    if isinstance(array, Value) and isinstance(array.type, List):
        readable(fr, array)
        if isinstance(key, Slice):
            items = _list_slice(fr, array, key, node)
            if items.lists[0][1] not in fr.session.hints and getattr(node, "in_passing", False):
                return items
            return fr.slice_of_list(node, array, items, items.reverse)
        item = fr.op(node, list_item, array, position_of(fr, key, node))
        fr.session.item_of[item] = array
        return opened(fr, node, item)
    axes = _new_axes(key) if isinstance(array.type, Scalar) and not array.type.weak else None
    if axes is not None:
        return (
            fr.call(node, Known(np.reshape), [array, sequence([const(1)] * axes)])
            if axes
            else array
        )
    place = place_of(fr, array, key, node)
    return fr.op(node, index if place.is_view else gather, array, *place.operands, **place.attrs)


def _new_axes(key: FrontValue) -> int | None:
    """How many axes a subscript gives to a NumPy number: `[None]`, `[...]`, `[()]`; None for any other subscript."""
    keys = key.values if isinstance(key, Parts) and key.kind == "tuple" else (key,)
    found = [k.value for k in keys if isinstance(k, Const) and k.value in (None, ...)]
    return found.count(None) if len(found) == len(keys) else None


def position_of(fr: Frame, key: FrontValue, node: gast.AST) -> Atom:
    """A place on a list."""
    place = fr.as_atom(key, node)
    if not isinstance(place.type, Scalar) or place.type.dtype[0] not in "biu":
        fr.fail(node, f"a place on a list is an integer, not {describe(place)}", "Use int().")
    return place


def _list_slice(fr: Frame, array: Value, key: Slice, node: gast.AST) -> Items:
    """`xs[1:]`, `xs[:-1]`, to loop over in passing: the list itself is not copied."""
    step = 1 if key.step is None else static_slice(fr, Slice(None, None, key.step), node).step
    if not isinstance(step, int) or step == 0:
        fr.fail(node, f"the step of a slice is {step!r}", "Use an integer that is not 0.")
    lower, upper = (_list_bound(fr, part, node) for part in (key.lower, key.upper))
    return list_slice(fr, array, lower, upper, step, node)


def _list_bound(fr: Frame, part: FrontValue | None, node: gast.AST) -> Atom | None:
    """A bound of a slice of a list; what can be known when compiling is."""
    if part is None or (is_static(part) and static(part) is None):
        return None
    if not is_static(part) and is_decidable(fr, part):
        need_static(fr, part, node)
    return position_of(fr, part, node)


def _of_any_place(fr: Frame, base: FrontValue, key: FrontValue, node: gast.AST) -> FrontValue:
    """A tuple as one of the IR, where only the run knows which item is read."""
    is_number = isinstance(key, Value) and isinstance(key.type, Scalar)
    if not is_number or is_static(key) or is_decidable(fr, key):
        return base
    return long_tuple(fr, node, base) or base


def _static_item(fr: Frame, base: Known | Const, key: FrontValue, node: gast.AST) -> FrontValue:
    if isinstance(key, Slice):
        return const(fr.evaluated(node, operator.getitem, base.value, static_slice(fr, key, node)))
    if not is_static(key):
        need_static(fr, key, node)
    return const(fr.evaluated(node, operator.getitem, base.value, static(key)))


def _part_of(fr: Frame, base: Parts, key: FrontValue, node: gast.AST) -> object:
    """The key of a part; a list that is subscripted by what only the run knows has to be one of the IR, and one that
    has no such part now may get it in the loop.
    """
    if base.kind == "list":
        if not is_static(key):
            is_open = not is_decidable(fr, key)
        else:
            is_open = not is_position(static(key), base) and fr.session.is_from_before(base.cell)
        if is_open:
            fr.session.grow_cell(base.cell)
    return part_key(fr, base.kind, base.keys, key, node)


def length_along(fr: Frame, array: Atom, axis: int, node: gast.AST) -> Atom:
    """`x.shape[axis]`."""
    ndim = len(shape_of(array.type))
    if not -ndim <= axis < ndim:
        fr.fail(node, f"the array has {ndim} axes, axis {axis} does not exist")
    spelling = ".shape" if fr.session.user_names or fr.session.of_rule else ""
    return fr.op(node, axis_length, array, spelling=spelling, axis=axis % ndim)


def shape_parts(fr: Frame, shape: ShapeOf, node: gast.AST) -> Parts:
    return sequence(
        [length_along(fr, shape.array, k, node) for k in range(len(shape_of(shape.array.type)))]
    )


# ---- where: a subscript as a pattern and operands -----------------------------------------------------------


@dataclass(frozen=True)
class Place:
    where: str
    operands: tuple[Atom, ...]
    count: Dim | None = None  # the length of what a mask picks

    @property
    def attrs(self) -> dict[str, Any]:
        return {"where": self.where} | ({} if self.count is None else {"count": self.count})

    @property
    def is_view(self) -> bool:
        return is_view(self.where)


def _in_parts(fr: Frame, key: FrontValue, node: gast.AST) -> FrontValue:
    """A tuple or list of integers that was an item of a list, as one that was written there."""
    if isinstance(key, Value) and isinstance(key.type, Struct):
        return unpack_struct(fr, key, node)
    return key


def place_of(fr: Frame, array: Atom, key: FrontValue, node: gast.AST) -> Place:
    key = _in_parts(fr, key, node)
    if is_long_tuple(key):
        fr.untyped(
            node,
            "a tuple whose length is known only when the program runs is a subscript",
            "Write it with its parts, or make it a list: those are places along one axis.",
        )
    keys = key.values if isinstance(key, Parts) and key.kind == "tuple" else (key,)
    items: list[str] = []
    operands: list[Atom] = []
    found = [_item(fr, part, node) for part in keys]
    arrays = sum(has_arrays([item]) for item, _ in found)
    count: Dim | None = None
    for item, atoms in found:
        if arrays > 1 and is_mask(item):  # beside others, a mask is the places where it is True
            atoms = list(fr.ops(node, places_of_true if item == "m" else nonzero, *atoms))
            items += ["g"] * len(atoms)
        else:
            items.append(item)
            count = fr.session.true_count(atoms[0]) if is_mask(item) else count
        operands += atoms
    _check_items(fr, array, items, node)
    return Place(", ".join(items), tuple(operands), count)


def _item(fr: Frame, part: FrontValue, node: gast.AST) -> tuple[str, list[Atom]]:
    if isinstance(part, Slice):
        return _slice_item(fr, part, node)
    if isinstance(part, Const) and part.value in (None, ...):
        return ("None" if part.value is None else "..."), []
    part = _in_parts(fr, part, node)
    if isinstance(part, Parts):
        part = array_of(fr, part, node)
        if Dim(0) in shape_of(part.type):  # NumPy takes lists without items for integers
            part = fr.op(node, OPERATIONS["astype"], part, dtype="int64")
    if isinstance(part, Items) and part.bounds is not None:
        part = fr.call(node, Known(np.arange), list(part.bounds))
    if isinstance(part, Value) and isinstance(part.type, List):
        part = fr.call(node, Known(np.array), [part])
    atom = fr.as_atom(part, node)
    match atom.type:
        case Scalar(dtype="bool"):
            fr.fail(node, "a single truth value is not an index", "Use `if`, or an integer.")
        case Scalar(dtype=dtype) if dtype[0] in "iu":
            return "i", [atom]
        case Array(dtype="bool") as type_:
            return "m" * type_.ndim, [atom]
        case Array(dtype=dtype) if dtype[0] in "iu":
            return "g", [atom]
    fr.fail(
        node, f"{describe(atom)} is not an index", "Use integers, slices, None or integer arrays."
    )


def _slice_item(fr: Frame, part: Slice, node: gast.AST) -> tuple[str, list[Atom]]:
    letters, atoms = [], []
    for letter, bound in (("b", part.lower), ("e", part.upper), ("s", part.step)):
        given = bound is not None and not (isinstance(bound, Const) and bound.value is None)
        letters.append(letter if given else "")
        if given and bound is not None:
            atoms.append(_bound(fr, bound, node))
    text = ":".join(letters if letters[2] else letters[:2])
    return text, atoms


def _bound(fr: Frame, bound: FrontValue, node: gast.AST) -> Atom:
    atom = fr.as_atom(bound, node)
    if is_float(atom.type) or (isinstance(atom, Const) and isinstance(atom.value, np.bool_)):
        fr.fail(node, f"{describe(atom)} is no bound of a slice", "Use integers; see int().")
    return atom


def _check_items(fr: Frame, array: Atom, items: list[str], node: gast.AST) -> None:
    if not isinstance(array.type, Array):
        refuse = (
            fr.untyped if fr.session.loops else fr.fail
        )  # an earlier iteration may make a list of it
        refuse(node, f"{describe(array)} cannot be subscripted", "Only arrays and containers can.")
    used = sum(map(axes_taken, items))
    if used > array.type.ndim:
        fr.fail(
            node, f"too many indices: the array has {array.type.ndim} axes, {used} were indexed"
        )


def array_of(fr: Frame, value: FrontValue, node: gast.AST) -> Atom:
    """A tuple or list of numbers as an array."""
    if isinstance(value, Value) and isinstance(value.type, List | Struct):
        value = fr.call(node, Known(np.array), [value])
    if isinstance(value, Value | Const):
        return value
    if isinstance(value, Known):
        return fr.as_atom(value, node)  # says what it is
    decl = find(np.array)
    if decl is None or decl.bind is None:
        fr.fail(
            node,
            f"{describe(value)} cannot be used as an array",
            "Make it an array first.",
        )
    operands, attrs = decl.bind((_nested(fr, value, node),), {})
    return fr.op(node, decl, *operands, **attrs)


def _nested(fr: Frame, value: FrontValue, node: gast.AST) -> Any:
    value = fr.unwrap(value, node)
    if not isinstance(value, Parts):
        return value
    no_array(fr, value, node)
    return tuple(_nested(fr, v, node) for v in value.values)


def no_array(fr: Frame, value: Parts, node: gast.AST) -> None:
    """Refuse containers that NumPy makes no array of."""
    if value.kind not in ("tuple", "list", "namedtuple"):
        advice = "its values, `list(d.values())`" if value.kind == "dict" else "its attributes"
        fr.fail(node, f"{describe(value)} is no array", f"Pass {advice}, or an array of them.")
