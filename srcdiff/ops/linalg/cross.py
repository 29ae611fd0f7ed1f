"""The cross product of vectors with three entries along the last axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Dim, Type, shape_of
from srcdiff.ir.values import Atom, Attrs, Const, const
from srcdiff.ops.core.registry import declare
from srcdiff.ops.core.samples import draw
from srcdiff.ops.core.type_rules import TypeMistake, broadcast_shape, numeric, promote
from srcdiff.ops.loopforms.context import At, LoopContext
from srcdiff.ops.loopforms.element_maps import align, plus

THREE = Dim(3)


def _type(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    for a in operands:
        shape = shape_of(numeric(a))
        if not shape or _length(shapes, shape[-1]) not in (3, None):
            raise TypeMistake(
                "np.cross is differentiated for vectors of three numbers along the last axis; of two numbers, "
                "write a[0] * b[1] - a[1] * b[0]"
            )
        shapes.must_equal(shape[-1], THREE, "the last axis of np.cross has 3 entries; lengths")
    *front, _ = broadcast_shape(shapes, operands)
    return (Array(promote(operands)[0], (*front, THREE)),)


def _length(shapes: Shapes, d: Dim) -> int | None:
    try:
        return shapes.resolve(d).evaluate(shapes.actual)
    except KeyError:
        return None


def _element(n: LoopContext, op: Op, at: At) -> Atom:
    *front, k = at
    a, b = op.operands
    after, last = _rotated(n, k, 1), _rotated(n, k, 2)

    def entry(x: Atom, j: Atom) -> Atom:
        return n.element(x, align(shape_of(x.type), (*front, j)))

    return n.compute(
        "subtract",
        n.compute("multiply", entry(a, after), entry(b, last)),
        n.compute("multiply", entry(a, last), entry(b, after)),
    )


def _rotated(n: LoopContext, k: Atom, by: int) -> Atom:
    """The entry that comes `by` places after entry `k`, cyclically."""
    if isinstance(k, Const):
        return const((k.value + by) % 3)
    return n.compute("mod", plus(n, k, const(by)), const(3))


@declare(
    np.cross,
    infer=_type,
    element=_element,
    multilinear=True,
    broadcasts=True,
    raises=True,
    takes_complex=True,
    samples=(
        draw((3,), (3,)), draw((2, 3), (2, 3)), draw((2, 3), (3,)), draw((1, 3), (4, 3)), draw((2, 1, 3), (4, 3)),
        draw((0, 3), (3,)),
    ),
)  # fmt: skip
def cross(a, b, *, out, d_out):
    d_a = np.cross(b, d_out)
    d_b = np.cross(d_out, a)
