"""Store regions: the shape of the region that a store writes, as far as lengths are known statically."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from srcdiff.ir.core import Op
from srcdiff.ir.dims import ShapeMismatch, Shapes
from srcdiff.ir.types import Dim, Scalar, shape_of
from srcdiff.ops.arrays import memory, subscript_types
from srcdiff.ops.core.index_patterns import is_view
from srcdiff.ops.loopforms.subscripts import is_aligned, is_placed

ONE = Dim(1)


def target_shape(op: Op, shapes: Shapes) -> tuple[Dim, ...] | None:
    """The shape of the written region; None if it is not known statically."""
    if op.decl not in (memory.store, memory.add_into, memory.add_at):
        return None
    shape = _part(op, shapes)
    if shape is None:
        return None
    known = _shown(op)
    wanted = shape_of(op.operands[1].type)
    own = [set(d.symbols()) - known for d in shape]
    if any(own):
        if len(wanted) != len(shape):
            return None
        if any(o and not shapes.not_one(w) for w, o in zip(wanted, own, strict=True)):
            return None  # the value may be broadcast along an axis of unknown length
        shape = tuple(w if o else d for d, w, o in zip(shape, wanted, own, strict=True))
        bounds = {
            s
            for a in op.operands[2:]
            if isinstance(a.type, Scalar) and a.type.expr
            for s in a.type.expr.symbols()
        }
        if any(set(d.symbols()) - known - bounds for d in shape):
            return None
    return shape


def open_axes(op: Op, shapes: Shapes) -> list[tuple[int, Dim]]:
    """The axes of a slice whose lengths are known only at run time, with the lengths of the written value."""
    shape = _part(op, shapes) if is_view(op.attrs["where"]) else None
    wanted = shape_of(op.operands[1].type)
    if shape is None or len(wanted) > len(shape):
        return []
    known, first = _shown(op), len(shape) - len(wanted)
    pairs = enumerate(zip(shape[first:], wanted, strict=True), start=first)
    return [(k, w) for k, (d, w) in pairs if w != ONE and not set(d.symbols()) <= known]


def _shown(op: Op) -> set[str]:
    return {s for v in op.operands for d in shape_of(v.type) for s in d.symbols()}


def _part(op: Op, shapes: Shapes) -> tuple[Dim, ...] | None:
    """The shape of the written part of an array, with fresh symbols for lengths that nothing shows."""
    probe = Shapes(
        rigid=shapes.rigid,
        ranges=shapes.ranges,
        assumptions=shapes.assumptions,
        others=shapes.others,
    )
    probe.find_ranges = shapes.find_ranges
    where, given = op.attrs["where"], op.operands[2:]
    if not is_placed(where, given) or not is_aligned(where, given, shapes.assumptions):
        return None
    try:
        return subscript_types.subscript_shape(
            probe, shape_of(op.operands[0].type), op.attrs, given
        )
    except ShapeMismatch:
        return None


def long_axes(shape: Sequence[Dim]) -> list[Dim]:
    return [d for d in shape if d != ONE]


def fits(
    shape: Sequence[Dim], target: Sequence[Dim], equal: Collection[tuple[Dim, Dim]] = ()
) -> bool:
    """Whether `shape` is known to broadcast to `target`.

    equal : pairs of lengths that are assumed to be equal; guards compare them when a program is called.
    """
    return differing(shape, target, equal) == []


def differing(
    shape: Sequence[Dim], target: Sequence[Dim], equal: Collection[tuple[Dim, Dim]] = ()
) -> list[tuple[Dim, Dim]] | None:
    """The pairs of lengths that are not known to be equal; None if `shape` has too many axes."""
    if len(shape) > len(target):
        return [] if not long_axes(shape) and not target else None
    pairs = zip(shape, target[len(target) - len(shape) :], strict=True)
    return [
        (d, t)
        for d, t in pairs
        if d not in (ONE, t) and (d, t) not in equal and (t, d) not in equal
    ]
