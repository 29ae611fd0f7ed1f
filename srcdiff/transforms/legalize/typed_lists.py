"""Empty lists in other lists are written with their element type: Numba finds it in no other line.

%v: list[float64] = list_new                 %v: list[float64] = list_new[typed=True]
%w = list_new %v, %v              becomes    %w = list_new %v, %v

w = [[], []]                      becomes    w = [[0.0 for _ in range(0)], [0.0 for _ in range(0)]]
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter
from srcdiff.ir.core import Atom, Function, Op, Statement, walk
from srcdiff.ir.types import Array, List, Scalar
from srcdiff.ops.arrays import containers

__all__ = ["typed_lists"]


def typed_lists(fn: Function) -> Function:
    """`fn` with lists of numbers or arrays that say so, where nothing is appended by the name they are made with."""
    ops = [s for s in walk(fn.body) if isinstance(s, Op)]
    appended = {op.operands[0] for op in ops if op.decl is containers.append}
    held = {a for op in ops if op.decl is containers.list_new for a in op.operands}
    held |= {op.operands[1] for op in ops if op.decl is containers.append}
    held -= appended
    found = any(_is_empty(op) and op.result in held for op in ops)
    return _Typed(held)(fn) if found else fn


def _is_empty(op: Op) -> bool:
    """Whether it makes a list of numbers or arrays, without any."""
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
