"""Tuples that are subscripted by a number that only the run knows: tuples of the IR, whose items have one type.

    children = ((1, 2), (3,), ())
    for child in children[node]: ...      # `children` is a tuple of tuples of integers, `children[node]` one of them

Items of several lengths are tuples of the IR themselves. Arrays and structures of one kind are items as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import gast

from srcdiff.frontend.containers.lists import fitted, joint_type, marked
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.operands import as_operand
from srcdiff.frontend.core.values import FrontValue, Parts
from srcdiff.frontend.joins.join_types import UNKNOWN
from srcdiff.frontend.joins.phi import unpack_struct
from srcdiff.ir.types import Struct, Type, strip
from srcdiff.ir.values import Value
from srcdiff.ops.arrays.containers import list_new


def long_tuple(fr: Frame, node: gast.AST, value: FrontValue) -> Value | None:
    """A tuple of known parts as one of the IR; None for anything else."""
    row = _parts_of(fr, node, value)
    return None if row is None else _rows(fr, node, [row])[0]


def _parts_of(fr: Frame, node: gast.AST, value: FrontValue) -> Parts | None:
    """A tuple as its parts."""
    if isinstance(value, Value) and isinstance(value.type, Struct) and value.type.kind == "tuple":
        return unpack_struct(fr, value, node)
    return value if isinstance(value, Parts) and value.kind == "tuple" else None


def _rows(fr: Frame, node: gast.AST, rows: Sequence[Parts]) -> list[Value]:
    """Tuples whose items, those of all of them, have one type."""
    values = [v for row in rows for v in row.values]
    inner = [row for v in values if (row := _parts_of(fr, node, v)) is not None]
    if len(inner) == len(values) and len({len(row.values) for row in inner}) > 1:
        values = [*_rows(fr, node, inner)]
    operands = [as_operand(fr, node, v) for v in values]
    element: Type = UNKNOWN
    for operand in operands:
        element = joint_type(fr, element, strip(operand.type), node)
    items = iter([fitted(fr, node, v, a, element) for v, a in zip(values, operands, strict=True)])
    made = []
    for row in rows:
        own = [next(items) for _ in row.values]
        made.append(marked(fr, fr.op(node, list_new, *own, element=element), as_tuple=True))
    return made
