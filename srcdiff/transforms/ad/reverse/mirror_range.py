"""The range of the loop that reverses a loop: the same numbers, in reverse order."""

from __future__ import annotations

from srcdiff.ir.core import For, While
from srcdiff.ir.types import INT
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.ad.adjoints.accumulate import Scope
from srcdiff.transforms.ad.adjoints.reverse_state import Reversal


def mirror_range(
    r: Reversal, loop: For | While, scope: Scope
) -> tuple[Value, tuple[Atom, Atom, Atom]]:
    """The index of the backward loop and its range: the same numbers, in reverse order."""
    if isinstance(loop, While):
        index = Value(INT, "iteration")
        return index, (const(0), r.forward.primal(r.forward.iteration_count(loop), scope), const(1))
    index = Value(loop.index.type, loop.index.name, loop.index.user)
    start, stop, step = (r.forward.primal(a, scope) for a in (loop.start, loop.stop, loop.step))
    if loop.breaks:
        iterations = r.forward.primal(loop.results[0], scope)
        if loop.reverse:
            start = _start(iterations, start, stop, step, scope)
        else:
            stop = _end(iterations, start, step, scope)
    return index, (start, stop, step)


def _end(iterations: Atom, start: Atom, step: Atom, scope: Scope) -> Atom:
    """`start + iterations * step`: where a loop of that many iterations ends."""
    distance = scope.b.op(arithmetic.multiply, iterations, step)
    return scope.b.op(arithmetic.add, start, distance)


def _start(iterations: Atom, start: Atom, stop: Atom, step: Atom, scope: Scope) -> Atom:
    """The start of the mirror's range if a reversed loop breaks: the loop has run only the last indices of a range."""
    if not (isinstance(step, Const) and step.value in (1, -1)):  # the last step may overshoot
        overshoot = scope.b.op(arithmetic.mod, scope.b.op(arithmetic.subtract, start, stop), step)
        stop = scope.b.op(arithmetic.add, stop, overshoot)
    distance = scope.b.op(arithmetic.multiply, iterations, step)
    return scope.b.op(arithmetic.subtract, stop, distance)
