"""Repetition of elements: `broadcast_to`, `tile`, `repeat`. The adjoint sums over the repetitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Dim, Type, ndim_of, product_of, shape_of
from srcdiff.ir.values import Atom, Attrs, const, known_dim
from srcdiff.ops.arrays import reductions
from srcdiff.ops.core.adjoint_builders import length_of, whole
from srcdiff.ops.core.axes import axes_of
from srcdiff.ops.core.bind import Bound, length_operands
from srcdiff.ops.core.registry import operation
from srcdiff.ops.core.samples import Sample
from srcdiff.ops.core.type_rules import TypeMistake, make, numeric
from srcdiff.ops.loopforms import element_maps
from srcdiff.ops.shapes.reshapes import reshape


def _broadcast(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    base = numeric(operands[0])
    target = tuple(known_dim(a) or shapes.fresh() for a in operands[1:])
    return (make(base.dtype, shapes.broadcast([shape_of(base), target])),)


def _lengths_text(op: Op) -> str:
    lengths = ", ".join(f"{{{k}}}" for k in range(1, len(op.operands)))
    return (
        f"np.{op.decl.name}({{0}}, {lengths})"
        if len(op.operands) == 2
        else f"np.{op.decl.name}({{0}}, ({lengths}))"
    )


def _bind_lengths(args: Sequence[object], kwargs: Mapping[str, object]) -> Bound:
    """An array and a tuple of integers."""
    array, lengths = [*args, *kwargs.values()]
    return (array, *length_operands(lengths)), {}


def _sum_repeats(b: Builder, op: Op, d_outs: Sequence[Atom]) -> list[Atom | None]:
    """The adjoint without a sum: reverse mode sums over broadcast axes, also those that are known at run time only."""
    d = d_outs[0] if ndim_of(op.operands[0].type) else whole(b, op, d_outs[0])
    return [d, *[None] * (len(op.operands) - 1)]


broadcast_to = operation(
    "broadcast_to", np.broadcast_to, template=_lengths_text, infer=_broadcast, bind=_bind_lengths, build=_sum_repeats,
    linear=True, boxes=True,
    view_of=0, read_only=True, cost="free", raises=True, signature="x, *shape",
    place=element_maps.broadcasted,
    samples=(
        Sample(lambda rng: (rng.normal(size=3), 2, 3)),
        Sample(lambda rng: (rng.normal(size=(2, 1)), 2, 3)),
        Sample(lambda rng: (rng.normal(), 2, 3)),
        Sample(lambda rng: (rng.normal(size=(1, 3)), 4, 2, 3)),
    ), takes_complex=True,
)  # fmt: skip


def _tiled(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    base = numeric(operands[0])
    shape, counts = list(shape_of(base)), [known_dim(a) for a in operands[1:]]
    shape = [Dim(1)] * (len(counts) - len(shape)) + shape
    counts = [*[Dim(1)] * (len(shape) - len(counts)), *counts]
    return (
        Array(base.dtype, tuple(times(shapes, d, r) for d, r in zip(shape, counts, strict=True))),
    )


def times(shapes: Shapes, length: Dim, count: Dim | None) -> Dim:
    """The length of an axis after repetition."""
    if count is None:
        return shapes.fresh()
    return product_of([length, count])


def _count(b: Builder, operand: Atom) -> Atom:
    """The number of repeats for the adjoint, from its symbolic value if there is one: the operand may be dead there."""
    dim = known_dim(operand)
    return operand if dim is None else length_of(b, dim)


def _untile(b: Builder, op: Op, d_outs: Sequence[Atom]) -> list[Atom | None]:
    """Each repeated axis is split into (times, length), and summed over the times."""
    old, counts = shape_of(op.operands[0].type), op.operands[1:]
    extra = max(len(counts) - len(old), 0)
    lengths = [const(1)] * extra + [length_of(b, d) for d in old]
    repeats = [*[const(1)] * (len(lengths) - len(counts)), *(_count(b, a) for a in counts)]
    split = [a for pair in zip(repeats, lengths, strict=True) for a in pair]
    parts = b.op(reshape, whole(b, op, d_outs[0]), *split)
    axes = (*range(2 * extra), *range(2 * extra, len(split), 2))
    summed = b.op(reductions.sum, parts, axis=axes)
    return [summed, *[None] * len(counts)]


tile = operation(
    "tile", np.tile, place=element_maps.tiled,
    template=_lengths_text, infer=_tiled, bind=_bind_lengths, build=_untile, linear=True,
    signature="x, *reps",
    samples=(
        Sample(lambda rng: (rng.normal(size=3), 2)),
        Sample(lambda rng: (rng.normal(size=(2, 3)), 2)),
        Sample(lambda rng: (rng.normal(size=(2, 3)), 2, 1)),
        Sample(lambda rng: (rng.normal(size=3), 2, 2)),
    ), takes_complex=True,
)  # fmt: skip


def _repeated(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    base = numeric(operands[0])
    if ndim_of(operands[1].type):
        raise TypeMistake("np.repeat is differentiated for one number of repeats")
    shape, axis = list(shape_of(base)), attrs.get("axis")
    if axis is None:
        return (Array(base.dtype, (times(shapes, product_of(shape), known_dim(operands[1])),)),)
    (k,) = axes_of(len(shape), axis)
    shape[k] = times(shapes, shape[k], known_dim(operands[1]))
    return (Array(base.dtype, tuple(shape)),)


def _unrepeat(b: Builder, op: Op, d_outs: Sequence[Atom]) -> list[Atom | None]:
    old, axis = shape_of(op.operands[0].type), op.attrs.get("axis")
    place = len(old) if axis is None else axes_of(len(old), axis)[0] + 1
    lengths: list[Atom] = [length_of(b, d) for d in old]
    parts = b.op(
        reshape,
        whole(b, op, d_outs[0]),
        *lengths[:place],
        _count(b, op.operands[1]),
        *lengths[place:],
    )
    return [b.op(reductions.sum, parts, axis=place), None]


repeat = operation(
    "repeat", np.repeat, method="repeat", place=element_maps.repeated, infer=_repeated, build=_unrepeat, linear=True,
    signature="x, repeats, axis=None",
    samples=(
        Sample(lambda rng: (rng.normal(size=3), 2)),
        Sample(lambda rng: (rng.normal(size=(2, 3)), 2), {"axis": 0}),
        Sample(lambda rng: (rng.normal(size=(2, 3)), 3), {"axis": -1}),
        Sample(lambda rng: (rng.normal(size=(2, 2)), 2)),
    ), takes_complex=True,
)  # fmt: skip
