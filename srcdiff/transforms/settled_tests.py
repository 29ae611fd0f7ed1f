"""Checks of numbers that are all known: they say nothing, and are left out.

    %c: bool = test[text='{0} > {1}'] 3, 3
    if %c { raise[...] ... }                     ->   nothing

Passes ask for lengths before it is known what these are.
"""

from __future__ import annotations

from srcdiff.ir.build import Builder, Env, Rewriter
from srcdiff.ir.core import Const, Function, If, Op, Statement, const
from srcdiff.ops import control

__all__ = ["settled_tests"]


def settled_tests(fn: Function) -> Function:
    """`fn` without tests of constants that pass."""
    return _Settled()(fn)


class _Settled(Rewriter):
    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(new, Op) and new.decl is control.test:
            values = [a.value for a in new.operands if isinstance(a, Const)]
            if len(values) == len(new.operands):
                assert new.decl.evaluate is not None
                env[new.result] = const(bool(new.decl.evaluate(values, new.attrs)))
                return
        if isinstance(new, If) and isinstance(new.condition, Const) and not new.results:
            taken = new.then if new.condition.value else new.orelse
            if not taken.body:
                return
        b.append(new)
