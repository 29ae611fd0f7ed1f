"""Boolean masks: the places where a mask is True, and subscripts with a mask rewritten with these places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from srcdiff.ir.core import Op, OpDecl
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Type, ndim_of, shape_of
from srcdiff.ir.values import Atom, Attrs, Value
from srcdiff.ops.control import control
from srcdiff.ops.core.index_patterns import (
    arrays_in_front,
    axes_taken,
    is_mask,
    items,
    operands_in,
    with_rest,
)
from srcdiff.ops.core.registry import OPERATIONS, operation
from srcdiff.ops.core.type_rules import TypeMistake, numeric
from srcdiff.ops.loopforms import searches

if TYPE_CHECKING:
    from srcdiff.ir.build import Builder


def _places(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    shape = shape_of(numeric(operands[0]))
    if not shape:
        raise TypeMistake("a number has no places; compare it, or give it an axis")
    return (Array("int64", (shapes.fresh(),)),) * len(shape)


def _flat_places(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    if ndim_of(operands[0].type) != 1:
        raise TypeMistake("np.flatnonzero takes a vector here; use x.ravel()")
    return _places(shapes, operands, attrs)


def _nonzero_text(op: Op) -> str:
    text = "{0}.nonzero()" if op.spelling.startswith(".") else "np.nonzero({0})"
    return f"{text}[0]" if len(op.results) == 1 else text


places_of_true = operation(
    "places_of_true",
    np.flatnonzero,
    infer=_flat_places,
    differentiable=False,
    distinct=True,
    signature="a",
    loops=searches.places_of_true,
)
# returns an index array for each axis
nonzero = operation(
    "nonzero",
    np.nonzero,
    infer=_places,
    differentiable=False,
    template=_nonzero_text,
    distinct=True,
    signature="a",
    method="nonzero",
    as_tuple=True,
    loops=searches.places_of_true,
    takes_complex=True,
)


def without_mask(b: Builder, op: Op) -> tuple[Atom, ...] | None:
    """A subscript with a mask, rewritten as a subscript with the places where the mask is True."""
    where, k = items(op.attrs["where"]), 2 if op.decl.writes else 1
    at = next((n for n, item in enumerate(where) if is_mask(item)), None)
    if at is None or not isinstance(op.operands[0].type, Array):
        return None
    k += sum(map(operands_in, where[:at]))
    axes = axes_taken(where[at])
    _check_mask(b, op, at, op.operands[k])
    places = _places_of(b, op, places_of_true if axes == 1 else nonzero, op.operands[k])
    operands = (*op.operands[:k], *places, *op.operands[k + 1 :])
    new = ", ".join([*where[:at], *["g"] * axes, *where[at + 1 :]])
    b.append(replace(op, operands=operands, attrs={"where": new, "distinct": True}))
    return op.results


def _places_of(b: Builder, op: Op, decl: OpDecl, mask: Atom) -> tuple[Value, ...]:
    """The places where a mask is True. Its origin is `compiler`, so that subscripts with one mask share it."""
    b.ops(decl, mask)
    *before, made = b.body
    assert isinstance(made, Op)
    count = op.attrs.get("count")
    if op.results:  # passes may have given the lengths names of their own
        count = shape_of(op.result.type)[_axis_of_places(op)]
    if count is not None:
        type_ = Array("int64", (count,))
        made = replace(made, results=tuple(Value(type_) for _ in made.results))
    b.body[:] = [*before, replace(made, origin="compiler")]
    return made.results


def _check_mask(b: Builder, op: Op, at: int, mask: Atom) -> None:
    """Check that a mask has the lengths of the axes that it indexes."""
    shape, where = shape_of(op.operands[0].type), with_rest(op.attrs["where"])
    first = sum(map(axes_taken, where[:at]))
    if "..." in where[:at]:
        first = len(shape) - sum(map(axes_taken, where[at:]))
    for k, own in enumerate(shape_of(mask.type)):
        if b.shapes.same(own, shape[first + k]):
            continue
        lengths = [b.op(OPERATIONS["length"], dim=d) for d in (own, shape[first + k])]
        differs = b.op(control.test, *lengths, text="{0} != {1}")
        message = "a mask does not have the length of the axis that it picks from"
        control.raise_if(b, differs, IndexError, message, op.location)


def _axis_of_places(op: Op) -> int:
    """The axis of the result that comes from the mask."""
    pattern = with_rest(op.attrs["where"])
    if arrays_in_front(pattern):
        return 0
    at = min(k for k, item in enumerate(pattern) if item == "i" or is_mask(item))
    rest = len(shape_of(op.operands[0].type)) - sum(map(axes_taken, pattern))
    return sum(rest if item == "..." else 1 for item in pattern[:at])
