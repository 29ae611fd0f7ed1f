"""Lengths that differ for the given arguments, at a place that the program may not reach: a check at that place.

    if flag > 0:                        if len(x) != len(y):
        total = np.sum(x * y)               raise ValueError("operands of lengths that differ")

The product itself may be left out of a derivative that does not need its value.
"""

from __future__ import annotations

from collections.abc import Sequence

import gast

from srcdiff.frontend.core.frame import Frame
from srcdiff.ir.core import If, Region
from srcdiff.ir.types import Dim, shape_of
from srcdiff.ir.values import Atom, const
from srcdiff.ops.arrays.memory import axis_length
from srcdiff.ops.control.control import raise_
from srcdiff.ops.elementwise.arithmetic import not_equal

_RAISED = "ValueError('the lengths of the operands differ')"


def check_lengths(fr: Frame, node: gast.AST, operands: Sequence[Atom]) -> None:
    """Write checks of the pairs that an operation on `operands` left in doubt."""
    shapes = fr.session.shapes
    pairs = list(dict.fromkeys(shapes.doubts))
    shapes.doubts.clear()
    for pair in pairs:
        sides = [_length(fr, node, operands, dim) for dim in pair]
        if None in sides:
            continue
        differ = fr.op(node, not_equal, *(s for s in sides if s is not None))
        with fr.session.region() as inner:
            inner.ops(raise_, text=_RAISED, classes={"ValueError": ValueError})
            body = inner.region((), ())
        location = fr.source.location(node)
        fr.b.append(If(differ, body, Region((), (), ()), (), location, fr.b.origin))


def _length(fr: Frame, node: gast.AST, operands: Sequence[Atom], dim: Dim) -> Atom | None:
    if dim.is_const:
        return const(dim.const)
    for operand in operands:
        for axis, length in enumerate(shape_of(operand.type)):
            if fr.session.shapes.same(length, dim):
                return fr.op(
                    node, axis_length, operand, spelling="len" if not axis else ".shape", axis=axis
                )
    return None
