"""Conditions that unroll-and-jam and register tiling share: which loops may be unrolled, and to which bound."""

from __future__ import annotations

from srcdiff.ir.build import Builder
from srcdiff.ir.core import For
from srcdiff.ir.dims import Shapes
from srcdiff.ir.values import Atom, Const, const, known_dim
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.schedule.vectorize.cost import Lengths

TURNS = 4
_ENOUGH = 8  # iterations of a loop that is worth splitting into two


def is_plain(loop: For) -> bool:
    """Whether a loop counts up by one from a non-negative constant, without an early exit."""
    counts = isinstance(loop.start, Const) and loop.start.value >= 0 and loop.step == const(1)
    return counts and not (loop.reverse or loop.breaks or loop.is_parallel)


def has_enough(loop: For, known: Shapes, lengths: Lengths) -> bool:
    """Whether a loop has enough iterations for groups, and its range is never negative."""
    start, stop = known_dim(loop.start), known_dim(loop.stop)
    if start is None or stop is None or not known.is_at_least_zero(stop - start):
        return False
    return lengths.iterations(loop) >= _ENOUGH


def whole_iterations(loop: For, b: Builder) -> Atom:
    """The end of the iterations that form whole groups."""
    start, stop = known_dim(loop.start), known_dim(loop.stop)
    assert start is not None and stop is not None
    span = stop - start
    if span.is_const and not span.const % TURNS:
        return loop.stop
    iterations = loop.stop
    if loop.start != const(0):
        iterations = b.op(arithmetic.subtract, loop.stop, loop.start)
    rest = b.op(arithmetic.mod, iterations, const(TURNS))
    return b.op(arithmetic.subtract, loop.stop, rest, name="full")
