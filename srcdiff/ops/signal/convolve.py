"""Convolution and correlation of vectors. Both are bilinear, and each is the adjoint of the other.

    full[i + j]  sums  a[i] * v[j]           np.convolve(a, v)
    whole[k]     sums  a[k + j] * v[j]       np.correlate(a, v), where v is no longer than a

Other modes of `np.convolve` and `np.correlate` are parts of the first (`ops/library/signal/convolve_modes.py`).
Compiled code calls NumPy's functions; a device sums in loops.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Type, is_complex, shape_of
from srcdiff.ir.values import Atom, Attrs, const
from srcdiff.ops.core.registry import declare
from srcdiff.ops.core.samples import draw
from srcdiff.ops.core.type_rules import TypeMistake, numeric, promote
from srcdiff.ops.loopforms.context import At, LoopContext
from srcdiff.ops.loopforms.element_maps import plus


def _type(shapes: Shapes, operands: Sequence[Atom], sign: int) -> tuple[Type, ...]:
    if any(len(shape_of(numeric(a))) != 1 for a in operands):
        raise TypeMistake("convolutions are of vectors")
    dtype, _ = promote(operands)
    (n,), (m,) = (shape_of(a.type) for a in operands)
    return (Array(dtype, (n + m - 1 if sign > 0 else n - m + 1,)),)


def _full(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    return _type(shapes, operands, 1)


def _whole(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    return _type(shapes, operands, -1)


def _loops(is_full: bool) -> Callable[[LoopContext, Op], Atom | None]:
    """Add each product to its element of the result."""

    def loops(n: LoopContext, op: Op) -> Atom | None:
        if n.calls:
            return None
        a, v = op.operands
        result = op.result.type
        assert isinstance(result, Array)
        target = n.new(result, name=op.result.name or "sums")
        zero = n.cast(const(0.0), result.dtype)
        first = shape_of(a.type) if is_full else shape_of(result)

        def clear(n: LoopContext, at: At, _: At) -> At:
            n.store(target, zero, at)
            return ()

        def add(n: LoopContext, at: At, _: At) -> At:
            both = plus(n, at[0], at[1])
            left = n.element(a, [at[0] if is_full else both])
            n.add(
                target,
                n.compute("multiply", left, n.element(v, at[1:])),
                [both if is_full else at[0]],
            )
            return ()

        n.each(shape_of(result), (), clear)
        n.each([*first, *shape_of(v.type)], (), add)
        return target

    return loops


_common: dict[str, Any] = {
    "multilinear": True,
    "cost": "heavy",
    "raises": True,
    "takes_complex": True,
}


def _correlation(op: Op) -> str:
    """NumPy conjugates the second operand; an adjoint does not, so the text conjugates it again."""
    return f"np.correlate({{0}}, {'np.conj({1})' if is_complex(op.operands[1].type) else '{1}'})"


@declare(
    template="np.convolve({0}, {1})",
    infer=_full,
    loops=_loops(True),
    samples=(draw((4,), (3,)), draw((2,), (5,)), draw((1,), (1,))),
    **_common,
)
def full_convolution(a, v, *, out, d_out):
    d_a = correlate_whole(d_out, v)
    d_v = correlate_whole(d_out, a)


@declare(
    template=_correlation,
    infer=_whole,
    loops=_loops(False),
    samples=(draw((5,), (3,)), draw((3,), (3,)), draw((2,), (1,))),
    **_common,
)
def correlate_whole(a, v, *, out, d_out):
    d_a = full_convolution(d_out, v)
    d_v = correlate_whole(a, d_out)
