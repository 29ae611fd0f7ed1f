"""Lengths that differ for the given arguments, at a place that the program may not reach: a check at that place.

    if flag > 0:                        if len(x) != len(y):
        total = np.sum(x * y)               raise ValueError(f"operands of lengths {len(x)} and {len(y)} do not fit")

The product itself may be left out of a derivative that does not need its value.
"""

from __future__ import annotations

from collections.abc import Sequence

import gast

from srcdiff.frontend.core.frame import Frame
from srcdiff.ir.core import If, Region
from srcdiff.ir.types import Dim, shape_of
from srcdiff.ir.values import Atom, Const, const
from srcdiff.ops.arrays.memory import axis_length
from srcdiff.ops.control.control import raise_
from srcdiff.ops.elementwise.arithmetic import not_equal


def check_lengths(fr: Frame, node: gast.AST, operands: Sequence[Atom]) -> None:
    """Write checks of the pairs that an operation on `operands` left in doubt."""
    shapes = fr.session.shapes
    pairs = list(dict.fromkeys(shapes.doubts))
    shapes.doubts.clear()
    for pair in pairs:
        sides = [_length(fr, node, operands, dim) for dim in pair]
        if None in sides:
            continue
        known = [s for s in sides if s is not None]
        differ = fr.op(node, not_equal, *known)
        shown = [
            f"{s.value}" if isinstance(s, Const) else f"{{{{{{{k}}}}}}}"
            for k, s in enumerate(known)
        ]
        text = f"ValueError(f'operands of lengths {shown[0]} and {shown[1]} do not fit')"
        with fr.session.region() as inner:
            inner.ops(raise_, *known, text=text, classes={"ValueError": ValueError})
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
