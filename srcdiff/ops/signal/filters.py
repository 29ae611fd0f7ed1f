"""Convolutions of arrays, and linear filters of signals: `scipy.signal`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Dim, Type, element_type, shape_of
from srcdiff.ir.values import Atom, Attrs, Value, const
from srcdiff.ops.core.lazy_module import LazyModule
from srcdiff.ops.core.registry import declare
from srcdiff.ops.core.samples import Sample, draw
from srcdiff.ops.core.type_rules import TypeMistake, numeric, promote
from srcdiff.ops.library.linalg.banded import lagged_sums
from srcdiff.ops.linalg.matrix_types import HEAVY, as_float
from srcdiff.ops.loopforms.context import At, LoopContext
from srcdiff.ops.loopforms.element_maps import minus, plus

signal = LazyModule("scipy.signal")


# ---- convolutions ----------------------------------------------------------------------------


def _two_arrays(operands: Sequence[Atom]) -> tuple[str, tuple[Dim, ...], tuple[Dim, ...]]:
    a, b = (shape_of(numeric(x)) for x in operands)
    if len(a) != len(b) or not a:
        raise TypeMistake("scipy.signal.convolve takes two arrays with as many axes")
    return promote(operands)[0], a, b


def _full_type(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    dtype, a, b = _two_arrays(operands)
    return (Array(dtype, tuple(n + m - 1 for n, m in zip(a, b, strict=True))),)


def _valid_type(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    dtype, a, b = _two_arrays(operands)
    return (Array(dtype, tuple(n - m + 1 for n, m in zip(a, b, strict=True))),)


def _sums(n: LoopContext, op: Op, place: object) -> Value:
    """Sums of products: each is added at `place(i, j)`, where `i` is an index of the result or of the first array."""
    left, right = op.operands
    target = n.new(op.result.type, name=op.result.name or op.decl.name)

    def clear(n: LoopContext, at: At, _: At) -> At:
        n.store(target, const(0.0), at)
        return ()

    n.each(shape_of(target.type), (), clear)
    first = shape_of(left.type) if place is None else shape_of(target.type)

    def add(n: LoopContext, at: At, _: At) -> At:
        i, j = at[: len(first)], at[len(first) :]
        moved = [plus(n, a, b) for a, b in zip(i, j, strict=True)]
        source, into = (i, moved) if place is None else (moved, i)
        product = n.compute("multiply", n.element(left, source), n.element(right, j))
        n.add(target, product, into)
        return ()

    n.each((*first, *shape_of(right.type)), (), add)
    return target


def _full_loops(n: LoopContext, op: Op) -> Value:
    return _sums(n, op, None)


def _valid_loops(n: LoopContext, op: Op) -> Value:
    return _sums(n, op, "result")


@declare(
    spelling="scipy.signal.convolve",
    infer=_full_type,
    loops=_full_loops,
    multilinear=True,
    raises=True,
    cost="heavy",
    samples=(draw((4,), (3,)), draw((2,), (5,)), draw((3, 2), (2, 4))),
)
def convolved(a, b, *, out, d_out):
    d_a = signal.correlate(d_out, b, mode="valid")
    d_b = signal.correlate(d_out, a, mode="valid")


@declare(
    template="scipy.signal.correlate({0}, {1}, mode='valid')",
    infer=_valid_type,
    loops=_valid_loops,
    multilinear=True,
    raises=True,
    cost="heavy",
    samples=(draw((4,), (3,)), draw((5,), (5,)), draw((3, 4), (2, 2))),
)
def correlated(a, b, *, out, d_out):
    d_a = signal.convolve(d_out, b)
    d_b = signal.correlate(a, d_out, mode="valid")


# ---- filters ---------------------------------------------------------------------------------


def _filtered(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    b, a, x = (shape_of(numeric(o)) for o in operands)
    if len(b) != 1 or len(a) != 1 or len(x) != 1:
        raise TypeMistake(
            "lfilter is differentiated for signals with one axis; loop over the others"
        )
    return (Array(as_float(promote(operands)[0]), x),)


def _filter_loops(n: LoopContext, op: Op) -> Value:
    """The difference equation, one step for each iteration."""
    b, a, x = op.operands
    target = n.new(op.result.type, name=op.result.name or "filtered")
    is_single = element_type(op.result.type).dtype == "float32"
    zero = const(np.float32(0.0) if is_single else 0.0)

    def step(n: LoopContext, at: At, _: At) -> At:
        (t,) = at
        before = plus(n, t, const(1))
        own = n.compute("minimum", before, n.length(shape_of(b.type)[0]))
        back = n.compute("minimum", before, n.length(shape_of(a.type)[0]))

        def add(n: LoopContext, k: At, total: At) -> At:
            product = n.compute(
                "multiply", n.element(b, k), n.element(x, (n.compute("subtract", t, k[0]),))
            )
            return (n.compute("add", total[0], product),)

        def take(n: LoopContext, k: At, total: At) -> At:
            later = plus(n, k[0], const(1))
            past = n.load(target, (n.compute("subtract", t, later),))
            product = n.compute("multiply", n.element(a, (later,)), past)
            return (n.compute("subtract", total[0], product),)

        total = n.iterations(own, (zero,), add)
        total = n.iterations(minus(n, back, const(1)), total, take)
        n.store(target, n.compute("divide", total[0], n.element(a, (const(0),))), at)
        return ()

    n.iterations(n.length(shape_of(x.type)[0]), (), step)
    return target


def lfilter_forward(b, a, x, *, b_dot, a_dot, x_dot, out):
    one = np.ones_like(a[:1])
    change = signal.lfilter(b, one, x_dot) + signal.lfilter(b_dot, one, x)
    out_dot = signal.lfilter(one, a, change - signal.lfilter(a_dot, one, out))


def _filter(b: int, a: int) -> Sample:
    def args(rng: np.random.Generator) -> tuple[object, ...]:
        recursive = np.concatenate(([1.7], 0.2 * rng.normal(size=a - 1)))
        return rng.normal(size=b), recursive, rng.normal(size=6)

    return Sample(args, wrt=(0, 1, 2))


# the adjoint of a filter runs backwards in time
@declare(
    spelling="scipy.signal.lfilter",
    infer=_filtered,
    loops=_filter_loops,
    forward=lfilter_forward,
    samples=(_filter(3, 2), _filter(1, 3), _filter(2, 1)),
    **HEAVY,
)
def filtered(b, a, x, *, out, d_out):
    backwards = np.flip(d_out)
    d_x = np.flip(signal.lfilter(b, a, backwards))
    d_inner = np.flip(signal.lfilter(np.ones_like(a[:1]), a, backwards))
    d_b = lagged_sums(d_inner, x, len(b))
    d_a = -lagged_sums(d_inner, out, len(a))
