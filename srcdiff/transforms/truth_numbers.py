"""Truth values as numbers, and numbers that they choose: compiled code has no `float(c)`, and arrays for `np.where`.

    %x = to_float %c        becomes        %x = choose %c, 1.0, 0.0
    %x = where %c, %a, 2    becomes        %x = choose %c, %a, 2

Of numbers `to_float` stays, and of arrays `where`.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter
from srcdiff.ir.core import Function, Op, Statement, const
from srcdiff.ir.types import Scalar
from srcdiff.ops import arithmetic, elementwise, numbers

__all__ = ["truth_numbers"]


def truth_numbers(fn: Function) -> Function:
    """`fn` with truth values chosen between, and not converted."""
    return _TruthNumbers()(fn)


class _TruthNumbers(Rewriter):
    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(new, Op) and new.decl is arithmetic.to_float:
            type_ = new.operands[0].type
            if isinstance(type_, Scalar) and type_.dtype == "bool":
                operands = (new.operands[0], const(1.0), const(0.0))
                new = replace(new, decl=numbers.choose, operands=operands, spelling="")
        elif isinstance(new, Op) and new.decl is elementwise.where:
            decl, spelling = numbers.of_numbers(new.decl, new.operands, new.spelling, False)
            new = replace(new, decl=decl, spelling=spelling)
        b.append(new)
