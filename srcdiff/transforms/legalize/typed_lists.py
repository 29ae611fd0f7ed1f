"""Typed empty lists: an empty list inside of another list is written with its element type.

    %v: list[float64] = list_new                 %v: list[float64] = list_new[typed=True]
    %w = list_new %v, %v              becomes    %w = list_new %v, %v

    w = [[], []]                      becomes    w = [[0.0 for _ in range(0)], [0.0 for _ in range(0)]]

Numba finds the type of such a list in no other line.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.build import map_ops, ops_of
from srcdiff.ir.core import Function, Op
from srcdiff.ir.types import Array, List, Scalar
from srcdiff.ops.arrays import containers


def typed_lists(fn: Function) -> Function:
    """`fn` with typed lists of numbers or arrays, where nothing is appended to the list by its first name."""
    ops = list(ops_of(fn))
    appended = {op.operands[0] for op in ops if op.decl is containers.append}
    held = {a for op in ops if op.decl is containers.list_new for a in op.operands}
    held |= {op.operands[1] for op in ops if op.decl is containers.append}
    held -= appended

    def typed(op: Op) -> Op:
        is_held = _is_empty(op) and op.result in held
        return replace(op, attrs={**op.attrs, "typed": True}) if is_held else op

    return map_ops(fn, typed)


def _is_empty(op: Op) -> bool:
    """Whether an operation makes an empty list of numbers or arrays."""
    if op.decl is not containers.list_new or op.operands:
        return False
    type_ = op.result.type
    return isinstance(type_, List) and isinstance(type_.element, Scalar | Array)
