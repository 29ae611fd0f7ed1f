"""Loops that run backwards as loops over ranges that do: compiled code has no `reversed`.

for 0, %n, 1 reverse        becomes        for (%n - 1), -1, -1
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter
from srcdiff.ir.core import Atom, Const, For, Function, Statement, Value, const, known_dim
from srcdiff.ops import arithmetic
from srcdiff.ops.numbers import choose

__all__ = ["countdown"]


def countdown(fn: Function) -> Function:
    """`fn` without reversed loops."""
    return _Countdown()(fn)


class _Countdown(Rewriter):
    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if not isinstance(new, For) or not new.reverse:
            b.append(new)
            return
        b.location, b.origin = new.location, "compiler"
        last = _last(new.start, new.stop, new.step, b)
        back = _negative(new.step, b)
        end = (
            b.op(arithmetic.add, new.start, back)
            if isinstance(back, Value)
            else _plus(new.start, back.value, b)
        )
        b.append(replace(new, start=last, stop=end, step=back, reverse=False))


def _negative(step: Atom, b: Builder) -> Atom:
    return const(-step.value) if isinstance(step, Const) else b.op(arithmetic.negative, step)


def _last(start: Atom, stop: Atom, step: Atom, b: Builder) -> Atom:
    """The last number that `range(start, stop, step)` counts, if it counts any."""
    if isinstance(step, Const) and abs(step.value) == 1:
        return _plus(stop, -step.value, b)
    span = b.op(arithmetic.subtract, _before(stop, step, b), start)
    turns = b.op(arithmetic.floor_divide, span, step)
    return b.op(arithmetic.add, start, b.op(arithmetic.multiply, turns, step))


def _before(stop: Atom, step: Atom, b: Builder) -> Atom:
    """One before the end, seen in the direction of the steps."""
    known = known_dim(step)
    if isinstance(step, Value) and (known is None or not b.shapes.is_at_least_zero(known)):
        rises = b.op(arithmetic.greater, step, const(0))
        return b.op(arithmetic.subtract, stop, b.op(choose, rises, const(1), const(-1)))
    is_up = isinstance(step, Value) or step.value > 0
    return _plus(stop, -1 if is_up else 1, b)


def _plus(atom: Atom, number: int, b: Builder) -> Atom:
    if isinstance(atom, Const):
        return const(atom.value + number)
    if number < 0:
        return b.op(arithmetic.subtract, atom, const(-number))
    return b.op(arithmetic.add, atom, const(number))
