"""Removal of shifts: sums with a shift, or with a zero that remains of it, become their other operand."""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import Op, Statement
from srcdiff.ir.values import Atom, Value, const
from srcdiff.transforms.analysis.defuse import same_kind


class WithoutShifts(Rewriter):
    """Replaces a sum with a shift by its other operand."""

    def __init__(self, others: dict[Op, Atom]) -> None:
        self.others = others
        self.names: dict[Value, Value] = {}

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not isinstance(old, Op) or old not in self.others:
            super().statement(old, env, b)
            return
        other = lookup(env, self.others[old])
        env[old.result] = other
        if isinstance(other, Value) and old.result.user and not other.user:
            self.names[other] = replace(old.result, type=other.type)


class WithoutZeros(Rewriter):
    """Replaces a sum with 0, which remains of a removed shift, by its other operand."""

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(new, Op) and new.decl.name == "add" and const(0.0) in new.operands:
            other = new.operands[1 if new.operands[0] == const(0.0) else 0]
            if isinstance(other, Value) and same_kind(other.type, new.result.type):
                env[new.result] = other
                return
        b.append(new)
