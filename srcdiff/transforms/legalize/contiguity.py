"""Contiguity legalisation: an array is copied before a reshape if it may not be contiguous, as NumPy does by itself.

    %t = transpose %x                    %t = transpose %x;  %c = copy %t
    %v = reshape %t, -1     becomes      %v = reshape %c, -1

Numba reshapes contiguous arrays only.
"""

from __future__ import annotations

from srcdiff.ir.build import Builder, Env, Rewriter, ops_of, with_parts
from srcdiff.ir.core import Function, Op, Statement
from srcdiff.ir.types import Array
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import memory
from srcdiff.ops.shapes import permutations, reshapes
from srcdiff.transforms.analysis.defuse import definitions, written_values
from srcdiff.transforms.analysis.memory_layout import all_layouts, makes_view

_RESHAPES = (reshapes.reshape, reshapes.ravel)
_ORDERS = (permutations.transpose, permutations.swapaxes, permutations.moveaxis)


def contiguous(fn: Function) -> Function:
    """`fn` with copies of reshaped arrays that are not known to be contiguous."""
    some = any(s.decl in _RESHAPES for s in ops_of(fn))
    return _Copied(fn)(fn) if some else fn


class _Copied(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.layouts = all_layouts(fn)
        self.written = written_values(fn)
        self.maker = definitions(fn)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(old, Op) and old.decl in _RESHAPES and self.may_copy(old):
            base, *rest = new.operands
            b.location, b.origin = old.location, old.origin
            new = with_parts(new, [b.op(memory.copy, base), *rest], ())
        b.append(new)

    def may_copy(self, op: Op) -> bool:
        """Whether a copy does not change results: where a copy could be noticed, the program already has a `copy`."""
        base = op.operands[0]
        if not isinstance(base, Value) or not isinstance(base.type, Array):
            return False
        found = self.layouts[base]
        if base in self.written:
            return not makes_view(op, found)
        return not found.contiguous or self.is_strided(base)

    def is_strided(self, array: Atom) -> bool:
        """Whether an array is contiguous, since axes have length 1, although its Numba type is not."""
        op = self.maker.get(array)
        if op is None or op.view_of is None:
            return False
        steps = op.decl in _ORDERS or ":s" in op.attrs.get("where", "")
        return steps or self.is_strided(op.operands[op.view_of])
