"""Legalisation of reversed loops: they become loops over ranges with a negative step.

    for 0, %n, 1 reverse        becomes        for (%n - 1), -1, -1

Compiled code has no `reversed`.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter
from srcdiff.ir.core import For, Function, Op, Statement
from srcdiff.ir.values import Atom, Const, Value, const, known_dim
from srcdiff.ops.control.cuda_kernel import is_place
from srcdiff.ops.core.scalar_spellings import choose
from srcdiff.ops.elementwise import arithmetic


def countdown(fn: Function) -> Function:
    """`fn` without reversed loops."""
    return _Countdown()(fn)


class _Countdown(Rewriter):
    def __init__(self) -> None:
        self.sums: dict[Atom, tuple[Atom, int]] = {}  # sums of a value and a known number

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(new, Op) and (parts := _parts(new)):
            self.sums[new.result] = parts
        if not isinstance(new, For) or not new.reverse:
            b.append(new)
            return
        b.location, b.origin = new.location, "compiler"
        last = self.last(new.start, new.stop, new.step, b)
        back = _negative(new.step, b)
        end = (
            b.op(arithmetic.add, new.start, back)
            if isinstance(back, Value)
            else self.plus(new.start, back.value, b)
        )
        b.append(replace(new, start=last, stop=end, step=back, reverse=False))

    def last(self, start: Atom, stop: Atom, step: Atom, b: Builder) -> Atom:
        """The last number of `range(start, stop, step)`, if the range is not empty."""
        if isinstance(step, Const) and abs(step.value) == 1:
            return self.plus(stop, -step.value, b)
        span = b.op(arithmetic.subtract, self.before(stop, step, b), start)
        count = b.op(arithmetic.floor_divide, span, step)
        return b.op(arithmetic.add, start, b.op(arithmetic.multiply, count, step))

    def before(self, stop: Atom, step: Atom, b: Builder) -> Atom:
        """The number before `stop`, in the direction of the steps."""
        known = known_dim(step)
        is_up = is_place(step) or (known is not None and b.shapes.is_at_least_zero(known))
        if isinstance(step, Value) and not is_up:
            rises = b.op(arithmetic.greater, step, const(0))
            return b.op(arithmetic.subtract, stop, b.op(choose, rises, const(1), const(-1)))
        is_up = isinstance(step, Value) or step.value > 0
        return self.plus(stop, -1 if is_up else 1, b)

    def plus(self, atom: Atom, number: int, b: Builder) -> Atom:
        """`atom + number`, simplified: `(n + 1) - 1` is `n`."""
        if isinstance(atom, Const):
            return const(atom.value + number)
        atom, before = self.sums.get(atom, (atom, 0))
        number += before
        if number == 0:
            return atom
        if number < 0:
            return b.op(arithmetic.subtract, atom, const(-number))
        return b.op(arithmetic.add, atom, const(number))


def _negative(step: Atom, b: Builder) -> Atom:
    return const(-step.value) if isinstance(step, Const) else b.op(arithmetic.negative, step)


def _parts(op: Op) -> tuple[Atom, int] | None:
    """A value and the integer that is added to it."""
    if op.decl not in (arithmetic.add, arithmetic.subtract):
        return None
    value, by = op.operands
    if op.decl is arithmetic.add and isinstance(value, Const):
        value, by = by, value
    if not isinstance(by, Const) or type(by.value) is not int:
        return None
    return value, by.value if op.decl is arithmetic.add else -by.value
