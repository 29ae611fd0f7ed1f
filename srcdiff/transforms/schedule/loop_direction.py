"""Loop reversal: the mirror of a loop that counts down counts up.

    for %n - 1, -1, -1 reverse { ... }    ->    for 0, %n, 1 { ... }

The order of iterations stays the same.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter
from srcdiff.ir.core import For, Function, Statement
from srcdiff.ir.values import Atom, Const, const
from srcdiff.transforms.analysis.defuse import definitions, is_generated
from srcdiff.transforms.analysis.dependence.affine import Affine, affine
from srcdiff.transforms.analysis.dependence.iteration_space import total


def count_up(fn: Function) -> Function:
    """`fn` with ascending loops in place of reversed descending ones."""
    return _CountUp(fn)(fn)


class _CountUp(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.made = definitions(fn)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(old, For) and isinstance(new, For) and _counts_down(old):
            b.location, b.origin = old.location, old.origin
            start, stop = (self.after(a, env, b) for a in (old.stop, old.start))
            new = replace(new, start=start, stop=stop, step=const(1), reverse=False)
        b.append(new)

    def after(self, end: Atom, env: Env, b: Builder) -> Atom:
        """The number after one end of the range."""
        return total(b, affine(end, self.made).plus(Affine(1)), env)


def _counts_down(loop: For) -> bool:
    is_step = isinstance(loop.step, Const) and loop.step.value == -1
    return is_step and loop.reverse and not loop.breaks and is_generated(loop)
