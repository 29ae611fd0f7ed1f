"""Typed empty lists: an empty list inside of another list is written with its element type.

    %v: list[float64] = list_new                 %v: list[float64] = list_new[typed=True]
    %w = list_new %v, %v              becomes    %w = list_new %v, %v

    w = [[], []]                      becomes    w = [[0.0 for _ in range(0)], [0.0 for _ in range(0)]]

Numba finds the type of such a list in no other line.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter
from srcdiff.ir.core import Function, Op, Statement, walk
from srcdiff.ir.types import Array, List, Scalar
from srcdiff.ir.values import Atom
from srcdiff.ops.arrays import containers


def typed_lists(fn: Function) -> Function:
    """`fn` with typed lists of numbers or arrays, where nothing is appended to the list by its first name."""
    ops = [s for s in walk(fn.body) if isinstance(s, Op)]
    appended = {op.operands[0] for op in ops if op.decl is containers.append}
    held = {a for op in ops if op.decl is containers.list_new for a in op.operands}
    held |= {op.operands[1] for op in ops if op.decl is containers.append}
    held -= appended
    found = any(_is_empty(op) and op.result in held for op in ops)
    return _Typed(held)(fn) if found else fn


def _is_empty(op: Op) -> bool:
    """Whether an operation makes an empty list of numbers or arrays."""
    if op.decl is not containers.list_new or op.operands:
        return False
    type_ = op.result.type
    return isinstance(type_, List) and isinstance(type_.element, Scalar | Array)


class _Typed(Rewriter):
    def __init__(self, held: set[Atom]) -> None:
        self.held = held

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if (
            isinstance(old, Op)
            and isinstance(new, Op)
            and _is_empty(old)
            and old.result in self.held
        ):
            new = replace(new, attrs={**new.attrs, "typed": True})
        b.append(new)
