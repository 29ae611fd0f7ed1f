"""Sorting orders, and search in sorted arrays. The results are integers and have no derivative.

Compiled code calls NumPy for the order of a vector, and iterates over the lines along an axis. A device counts, for
each element, the elements that precede it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcdiff.ir.core import Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Dim, Scalar, Type, is_float, shape_of
from srcdiff.ir.values import Atom, Attrs, Value, const
from srcdiff.ops.core.axes import axes_of
from srcdiff.ops.core.registry import operation
from srcdiff.ops.core.samples import fixed
from srcdiff.ops.core.type_rules import TypeMistake, make, numeric, same_as_first
from srcdiff.ops.loopforms.context import At, LoopContext
from srcdiff.ops.loopforms.element_maps import place_of, times
from srcdiff.ops.loopforms.searches import running_extreme

# ---- the order of elements -----------------------------------------------------------------------


def _ordered(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    shape = shape_of(numeric(operands[0]))
    if not shape:
        raise TypeMistake("a number has no order; give it an axis")
    if attrs.get("axis", -1) is None and len(shape) > 1:
        return (Array("int64", (shapes.fresh(),)),)
    axes_of(len(shape), attrs.get("axis", -1))
    return (Array("int64", shape),)


# for compiled code, where a stable sort has only this name
_order_of_line = operation(
    "order_of_line",
    template='np.argsort({0}, kind="mergesort")',
    infer=_ordered,
    differentiable=False,
    cost="heavy",
    raises=True,
)


def _orders(n: LoopContext, op: Op) -> Atom:
    """The order along an axis, line by line; equal elements keep their order."""
    x = op.operands[0]
    shape, axis = shape_of(x.type), op.attrs.get("axis", -1)
    if n.calls and len(shape) == 1 and (stored := n.stored(x)) is not None:
        return n.b.op(_order_of_line, stored)
    result = op.result.type
    assert isinstance(result, Array)
    reduced = list(range(len(shape))) if axis is None else [axis % len(shape)]
    kept = [k for k in range(len(shape)) if k not in reduced]
    lines = [shape[k] for k in reduced]
    total: Atom = const(1)
    for d in lines:
        total = times(n, total, n.length(d))
    target = n.new(result, [total] if axis is None else None, op.result.name or "order")

    def order(n: LoopContext, at: At, _: At) -> At:
        fixed_at = dict(zip(kept, at, strict=True))

        def place(inside: At) -> At:
            rest = iter(inside)
            return [fixed_at[k] if k in fixed_at else next(rest) for k in range(len(shape))]

        def element(n: LoopContext, i: Atom) -> Atom:
            return n.element(x, place(place_of(n, lines, i)))

        def put(n: LoopContext, i: Atom, number: Atom) -> None:
            n.store(target, number, [i] if axis is None else place([i]))

        (_by_numpy if n.calls else _by_counting)(n, total, element, put)
        return ()

    n.each([shape[k] for k in kept], (), order)
    return target


def _by_numpy(n: LoopContext, total: Atom, element: Any, put: Any) -> None:
    """NumPy sorts a copy of the line."""
    dtype = _dtype_of(n, element)
    line = n.new(Array(dtype, (n.b.shapes.fresh(),)), [total], "line")

    def copy(n: LoopContext, at: At, _: At) -> At:
        n.store(line, element(n, at[0]), at)
        return ()

    n.iterations(total, (), copy)
    found = n.b.op(_order_of_line, line, name="order")

    def store(n: LoopContext, at: At, _: At) -> At:
        put(n, at[0], n.load(found, at))
        return ()

    n.iterations(total, (), store)


def _dtype_of(n: LoopContext, element: Any) -> str:
    """The dtype of an element; the statements that compute the element are removed again."""
    mark = len(n.b.body)
    type_ = element(n, const(0)).type
    del n.b.body[mark:]
    return str(type_.dtype)


def _by_counting(n: LoopContext, total: Atom, element: Any, put: Any) -> None:
    """The place of an element is the number of elements that precede it."""

    def find(n: LoopContext, at: At, _: At) -> At:
        (i,) = at
        own = element(n, i)

        def count(n: LoopContext, inside: At, before: At) -> At:
            (j,) = inside
            other = element(n, j)
            is_tie = n.compute(
                "choose", comes_before(n, own, other), const(False), n.compute("less", j, i)
            )
            is_before = n.compute("or", comes_before(n, other, own), is_tie)
            return (
                n.compute("add", before[0], n.compute("choose", is_before, const(1), const(0))),
            )

        (place,) = n.iterations(total, (const(0),), count)
        put(n, place, i)
        return ()

    n.iterations(total, (), find)


def comes_before(n: LoopContext, a: Atom, c: Atom) -> Atom:
    """Whether `a` is sorted before `c`; NaN is last."""
    is_less = n.compute("less", a, c)
    if not is_float(a.type):
        return is_less
    is_last = n.compute("and", n.compute("not_equal", c, c), n.compute("equal", a, a))
    return n.compute("or", is_less, is_last)


argsort = operation(
    "argsort",
    np.argsort,
    method="argsort",
    infer=_ordered,
    differentiable=False,
    distinct=True,
    cost="heavy",
    signature="a, axis=-1, kind=None, order=None, *, stable=None",
    loops=_orders,
    samples=(
        fixed([2.0, 0.5, 1.5, -1.0], kind="stable"),
        fixed([2.0, 0.5, 2.0, float("nan"), 0.5], kind="stable"),
        fixed([[2.0, 0.5, 1.5], [0.1, 3.0, 0.2]], axis=0, kind="stable"),
        fixed([[2.0, 0.5, 1.5], [0.1, 3.0, 0.2]], axis=1, kind="stable"),
        fixed([[2.0, 0.5, 1.5], [0.1, 3.0, 0.2]], axis=None, kind="stable"),
        fixed([3, 1, 2, 1], kind="stable"),
    ),
)


# ---- running maximum ----------------------------------------------------------------------------


def _running_extreme(name: str, comparison: str) -> Any:
    return operation(
        f"running_{name}",
        template=lambda op: f"np.{name}.accumulate({{0}}, axis={op.attrs['axis']})",
        infer=same_as_first,
        differentiable=False,
        signature="x, axis=0",
        loops=running_extreme(comparison),
        samples=(
            fixed([1.0, 3.0, 2.0, float("nan"), 4.0], axis=0),
            fixed([[1.0, 3.0, 2.0], [2.0, 0.5, 2.0]], axis=1),
            fixed([3, 5, 4], axis=0),
        ),
    )


running_maximum = _running_extreme("maximum", "greater")
running_minimum = _running_extreme("minimum", "less")


# ---- search in sorted arrays ---------------------------------------------------------------------


def _found(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    a, v = (numeric(each) for each in operands)
    if len(shape_of(a)) != 1:
        raise TypeMistake("what is searched is a sorted vector")
    if not shape_of(v):
        return (Scalar("int64", False, shapes.fresh("i")),)
    return (make("int64", shape_of(v)),)


_place_in_line = operation(
    "place_in_line",
    template=lambda op: f"np.searchsorted({{0}}, {{1}}, side={op.attrs['side']!r})",
    infer=_found,
    differentiable=False,
    cost="heavy",
    raises=True,
)


def _searches(n: LoopContext, op: Op) -> Atom:
    a, v = op.operands
    side = op.attrs.get("side", "left")
    (d,) = shape_of(a.type)
    line = n.stored(a)
    if line is None and n.calls:
        line = _stored_line(n, a, d)

    def search(n: LoopContext, wanted: Atom) -> Atom:
        if n.calls:
            assert line is not None
            return n.b.op(_place_in_line, line, wanted, side=side)

        def count(n: LoopContext, at: At, before: At) -> At:
            other = n.element(a, at)
            hit = (
                comes_before(n, other, wanted)
                if side == "left"
                else n.compute("choose", comes_before(n, wanted, other), const(False), const(True))
            )
            return (n.compute("add", before[0], n.compute("choose", hit, const(1), const(0))),)

        return n.each([d], (const(0),), count)[0]

    if not isinstance(op.result.type, Array):
        return search(n, n.number(v))
    target = n.new(op.result.type, name=op.result.name or "places")

    def store(n: LoopContext, at: At, _: At) -> At:
        n.store(target, search(n, n.element(v, at)), at)
        return ()

    n.each(shape_of(v.type), (), store)
    return target


def _stored_line(n: LoopContext, a: Atom, d: Dim) -> Value:
    assert isinstance(a.type, Array)
    line = n.new(a.type, name="line")

    def copy(n: LoopContext, at: At, _: At) -> At:
        n.store(line, n.element(a, at), at)
        return ()

    n.each([d], (), copy)
    return line


places_in_sorted = operation(
    "searchsorted",
    np.searchsorted,
    method="searchsorted",
    infer=_found,
    differentiable=False,
    cost="heavy",
    signature="a, v, side='left'",
    loops=_searches,
    samples=(
        fixed([0.0, 1.0, 1.0, 2.5], [1.0, -1.0, 3.0, 2.0]),
        fixed([0.0, 1.0, 1.0, 2.5], [[1.0, 2.0]], side="right"),
        fixed([0.0, 1.0, 1.0, 2.5], 1.0, side="right"),
        fixed([0, 2, 4], [3, 2]),
    ),
)
