"""Where the axes of an operand are in the result of a view, a copy or a reduction."""

from __future__ import annotations

import math
from collections.abc import Callable

from srcdiff.ir.core import Op
from srcdiff.ir.types import Dim, Scalar, ndim_of, shape_of
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.core.index_patterns import items, operands_in
from srcdiff.transforms.analysis.defuse import same_kind


def axis_map(op: Op) -> Callable[[int], int | None] | None:
    """The axis of the result for each axis of the operand; None for an axis that is removed or sliced."""
    name, axes = op.decl.name, ndim_of(op.operands[0].type)
    if name in ("read", "copy"):
        return lambda k: k
    if name == "transpose":
        order = op.attrs.get("axes") or tuple(reversed(range(axes)))
        return lambda k: [n % axes for n in order].index(k)
    if name == "squeeze":
        lengths = shape_of(op.operands[0].type)
        axis = op.attrs.get("axis")
        given = axis if isinstance(axis, tuple) else (axis,)
        gone = (
            [k for k, n in enumerate(lengths) if n == Dim(1)]
            if axis is None
            else [int(k) % axes for k in given]
        )
        return lambda k: None if k in gone else k - sum(g < k for g in gone)
    if name != "index":
        return None
    pattern = items(op.attrs["where"])
    if "..." in pattern or any(p not in ("None", ":") and ":" in p for p in pattern):
        return None
    pattern += [":"] * (axes - sum(p != "None" for p in pattern))
    new: dict[int, int] = {}
    old = at = 0
    for p in pattern:
        if p == ":":
            new[old] = at
        old += p != "None"
        at += not operands_in(p)
    return new.get


def reduced_axis_map(op: Op) -> Callable[[int], int | None]:
    """The axis of a reduction's result for each axis of the operand; None for an axis that is reduced."""
    axes, axis = ndim_of(op.operands[0].type), op.attrs.get("axis")
    given = range(axes) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    gone = sorted(int(k) % axes for k in given) if axes else []
    if op.attrs.get("keepdims"):
        return lambda k: None if k in gone else k
    return lambda k: None if k in gone else k - sum(g < k for g in gone)


def selects(op: Op) -> bool:
    """Whether a subscript selects from an axis with more than one element."""
    taken = [p for p in items(op.attrs["where"]) if p != "None"]
    lengths = shape_of(op.operands[0].type)
    if "..." in taken:
        return True
    return any(p != ":" and n != Dim(1) for p, n in zip(taken, lengths, strict=False))


def may_stand_for(atom: Atom, result: Value) -> bool:
    """Whether an atom has the type of a result."""
    if isinstance(atom, Const):
        return isinstance(result.type, Scalar) and atom.value != -math.inf
    return same_kind(atom.type, result.type)
