"""Boolean cast legalisation: compiled code has no `float(c)` of a truth value, and no `np.where` of numbers.

    %x = to_float %c        becomes        %x = choose %c, 1.0, 0.0
    %x = where %c, %a, 2    becomes        %x = choose %c, %a, 2
    %x = where %c, %a, %k   becomes        %x = choose %c, %a, (astype %k), of a float and an integer
    %x = where %c, 0.5, %d  becomes        %x = choose %c, 0.5, (choose %d, 1.0, 0.0), of a truth value %d

`to_float` of numbers stays, and `where` of arrays stays.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter
from srcdiff.ir.core import Function, Op, Statement
from srcdiff.ir.types import Scalar
from srcdiff.ir.values import Atom, const
from srcdiff.ops.core import scalar_spellings
from srcdiff.ops.elementwise import conversions, elementary


def truth_numbers(fn: Function) -> Function:
    """`fn` with a choice of two numbers in the place of each conversion of a truth value."""
    return _TruthNumbers()(fn)


class _TruthNumbers(Rewriter):
    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(new, Op) and new.decl is conversions.to_float:
            type_ = new.operands[0].type
            if isinstance(type_, Scalar) and type_.dtype == "bool":
                operands = (new.operands[0], const(1.0), const(0.0))
                new = replace(new, decl=scalar_spellings.choose, operands=operands, spelling="")
        elif isinstance(new, Op) and new.decl in (elementary.where, scalar_spellings.choose):
            new = replace(new, operands=(new.operands[0], *_of_one_dtype(new, b)))
            decl, spelling = scalar_spellings.of_numbers(
                new.decl, new.operands, new.spelling, False
            )
            new = replace(new, decl=decl, spelling=spelling)
        b.append(new)


def _of_one_dtype(op: Op, b: Builder) -> tuple[Atom, ...]:
    """The alternatives of a choice, each with the dtype of the choice."""
    want = op.result.type
    parts = op.operands[1:]
    if not isinstance(want, Scalar):
        return parts
    return tuple(a if _dtype(a) in ("", want.dtype) else _as(a, want.dtype, b) for a in parts)


def _dtype(a: Atom) -> str:
    """The dtype of a NumPy number or truth value; Python numbers take the dtype of the other operand."""
    if not isinstance(a.type, Scalar) or (a.type.weak and a.type.dtype != "bool"):
        return ""
    return a.type.dtype


def _as(a: Atom, dtype: str, b: Builder) -> Atom:
    if isinstance(a.type, Scalar) and a.type.dtype == "bool" and dtype == "float64":
        return b.op(scalar_spellings.choose, a, const(1.0), const(0.0))
    return b.op(conversions.astype, a, spelling=f"np.{dtype}", dtype=dtype)
