"""Loop forms by statements: loops that fill storage, or find a number, for results that no element expression gives.

    loops(n, op)     builds loops with `n.b`, and returns the value of the result

`joined` stores each part at its place, `running` iterates along an axis, and `place_of_extreme` carries the best
element so far.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from srcdiff.ir.core import Op
from srcdiff.ir.types import Array, Dim, List, element_type, is_float, is_numeric, shape_of
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.core.axes import axes_of
from srcdiff.ops.loopforms.context import At, LoopContext
from srcdiff.ops.loopforms.element_maps import align, count_of, minus, plus, times
from srcdiff.ops.loopforms.reduction_identities import WIDE, start_of

ONE = Dim(1)


# ---- several arrays as one -------------------------------------------------------------------


def joined(
    axis_of: Callable[..., int], shape_as_part: Callable[..., tuple[Dim, ...]]
) -> Callable[[LoopContext, Op], Atom]:
    """`concatenate` and its variants: `axis_of(op, ndim)` is the joined axis, `shape_as_part(shape)` a part's shape."""

    def loops(n: LoopContext, op: Op) -> Atom:
        if isinstance(op.operands[0].type, List):
            return _joined_list(n, op, axis_of, shape_as_part)
        target = n.new(op.result.type, name=op.result.name or "joined")
        before = Dim(0)
        for part in op.operands:
            own = shape_of(part.type)
            shape = shape_as_part(own)
            axis = axis_of(op, len(shape))
            start = n.length(before)
            lacking = (len(shape) - len(own), shape[0] == ONE and own != shape)

            def store(
                n: LoopContext, at: At, _: At, part: Atom = part, start: Atom = start,
                axis: int = axis, lacking: tuple[int, bool] = lacking,
            ) -> At:  # fmt: skip
                count, in_front = lacking
                inner = (at[count:] if in_front else at[: len(at) - count]) if count else at
                place = [plus(n, start, i) if k == axis else i for k, i in enumerate(at)]
                n.store(target, n.element(part, inner), place)
                return ()

            n.each(shape, (), store)
            before = before + shape[axis]
        return target

    return loops


def _joined_list(n: LoopContext, op: Op, axis_of: Any, shape_as_part: Any) -> Atom:
    """The loop form for the arrays of a list: the first loop adds up their lengths."""
    (parts,) = op.operands
    type_ = op.result.type
    assert isinstance(type_, Array)
    axis = axis_of(op, type_.ndim)
    count = n.count(parts)
    _refuse_none(n, count, "concatenate")
    first = n.item(parts, const(0))
    open_axis = len(shape_of(first.type)) == type_.ndim

    def measure(n: LoopContext, at: At, total: At) -> At:
        item = n.item(parts, at[0])
        return (plus(n, total[0], n.axis_length(item, axis)),)

    total = n.iterations(count, (const(0),), measure)[0] if open_axis else count
    lengths = [
        total if k == axis else n.length(d)
        for k, d in enumerate(shape_as_part(shape_of(first.type)))
    ]
    target = n.new(type_, lengths, op.result.name or "joined")

    def store(n: LoopContext, at: At, begun: At) -> At:
        item = n.item(parts, at[0])
        shape = shape_as_part(shape_of(item.type))

        def each(n: LoopContext, inside: At, _: At) -> At:
            place = [plus(n, begun[0], i) if k == axis else i for k, i in enumerate(inside)]
            n.store(target, n.element(item, _own(item, inside, axis)), place)
            return ()

        n.each(shape, (), each)
        step = n.axis_length(item, axis) if open_axis else const(1)
        return (plus(n, begun[0], step),)

    n.iterations(count, (const(0),), store)
    return target


def _refuse_none(n: LoopContext, count: Atom, verb: str) -> None:
    n.refuse("{0} == 0", [count], ValueError, f"need at least one array to {verb}")


def _own(part: Atom, at: At, axis: int) -> At:
    """The indices into a part, without the joined axis if the part does not have it."""
    return at if len(shape_of(part.type)) == len(at) else [i for k, i in enumerate(at) if k != axis]


def stacked(axis_of: Callable[[Op], int]) -> Callable[[LoopContext, Op], Atom]:
    """`stack`: `axis_of(op)` is the new axis."""

    def loops(n: LoopContext, op: Op) -> Atom:
        axis = axis_of(op)
        if isinstance(op.operands[0].type, List):
            _refuse_none(n, n.count(op.operands[0]), "stack")
            return _stacked_list(n, op, axis)
        target = n.new(op.result.type, name=op.result.name or "stacked")
        for k, part in enumerate(op.operands):
            _store_part(n, target, part, (axis, [const(k)]))
        return target

    return loops


def _store_part(n: LoopContext, target: Value, part: Atom, new: tuple[int, At]) -> None:
    """Store a part; `new` is an axis and the indices that are inserted there."""
    axis, given = new

    def store(n: LoopContext, at: At, _: At) -> At:
        n.store(target, n.element(part, at), [*at[:axis], *given, *at[axis:]])
        return ()

    n.each(shape_of(part.type), (), store)


def _stacked_list(n: LoopContext, op: Op, axis: int) -> Atom:
    (parts,) = op.operands
    type_ = op.result.type
    assert isinstance(type_, Array)
    count = n.count(parts)
    element = parts.type.element if isinstance(parts.type, List) else None
    inner = shape_of(n.item(parts, const(0)).type) if isinstance(element, Array) else ()
    lengths = [n.length(d) for d in inner]
    target = n.new(type_, [*lengths[:axis], count, *lengths[axis:]], op.result.name or "stacked")

    def store(n: LoopContext, at: At, _: At) -> At:
        item = n.item(parts, at[0])
        _store_part(n, target, item, (axis, at))
        return ()

    n.iterations(count, (), store)
    return target


def made(n: LoopContext, op: Op) -> Atom | None:
    """`np.array` of nested numbers, of rows, or of a list."""
    layout = op.attrs.get("layout")
    layout = (len(op.operands),) if layout is None else tuple(layout)
    if len(op.operands) == 1 and isinstance(op.operands[0].type, List):
        return None if layout else _stacked_list(n, op, 0)
    if not layout or not all(is_numeric(a.type) for a in op.operands):
        return None
    target = n.new(op.result.type, name=op.result.name or "entries")
    places = itertools.product(*map(range, layout))
    for part, place in zip(op.operands, places, strict=True):
        _store_part(n, target, part, (0, [const(k) for k in place]))
    return target


# ---- along axes ------------------------------------------------------------------------------


def running(combination: str) -> Callable[[LoopContext, Op], Atom]:
    """`cumsum`, `cumprod`: along one axis, or over all elements in C order."""
    name = "sums" if combination == "add" else "products"

    def loops(n: LoopContext, op: Op) -> Atom:
        x, axis = op.operands[0], op.attrs.get("axis")
        shape = shape_of(x.type)
        total: Atom = const(1)
        for d in shape:
            total = times(n, total, n.length(d))
        lengths = [total] if axis is None and len(shape) > 1 else None
        target = n.new(op.result.type, lengths, op.result.name or name)
        reduced = axes_of(len(shape), axis)
        kept = [k for k in range(len(shape)) if k not in reduced]
        dtype = element_type(target.type).dtype
        dtype = WIDE.get(dtype, dtype)
        start = start_of(0 if combination == "add" else 1, dtype)

        def row(n: LoopContext, at: At, _: At) -> At:
            fixed = dict(zip(kept, at, strict=True))

            def step(n: LoopContext, at: At, total: At) -> At:
                rest = iter(at)
                full = [fixed[k] if k in fixed else next(rest) for k in range(len(shape))]
                element = n.element(x, full)
                own = element_type(element.type).dtype
                if own in WIDE:
                    element = n.cast(element, WIDE[own])
                new = n.compute(combination, total[0], element)
                place = full if axis is not None else [count_of(n, shape, full)]
                n.store(target, new, place)
                return (new,)

            n.each([shape[k] for k in reduced], (start,), step, "total")
            return ()

        n.each([shape[k] for k in kept], (), row)
        return target

    return loops


def summed_if_one(n: LoopContext, op: Op) -> Atom:
    """`sum_if_one`: all elements are added to place 0 if the axis has length 1."""
    x, length = op.operands
    shape, axis = shape_of(x.type), op.attrs["axis"]
    target = n.new(op.result.type, name=op.result.name)
    zero = const(0.0 if is_float(target.type) else 0)
    is_one = n.compute("equal", n.number(length), const(1))

    def clear(n: LoopContext, at: At, _: At) -> At:
        n.store(target, zero, at)
        return ()

    def add(n: LoopContext, at: At, _: At) -> At:
        place = [
            n.compute("choose", is_one, const(0), i) if k == axis else i for k, i in enumerate(at)
        ]
        n.add(target, n.element(x, align(shape, at)), place)
        return ()

    n.each(shape_of(op.result.type), (), clear)
    n.each(shape, (), add)
    return target


def diagonal_stored(n: LoopContext, op: Op) -> Atom | None:
    """A diagonal whose length no operand determines: it ends with the rows or with the columns."""
    (x,) = op.operands
    shape, k = shape_of(x.type), op.attrs.get("k", op.attrs.get("offset", 0)) or 0
    (length, *others) = shape_of(op.result.type)
    if others or length.is_const or length.symbols() <= {s for d in shape for s in d.symbols()}:
        return None
    down = minus(n, n.length(shape[0]), const(max(-k, 0)))
    across = minus(n, n.length(shape[1]), const(max(k, 0)))
    count = n.compute("maximum", n.compute("minimum", down, across), const(0))
    target = n.new(op.result.type, [count], op.result.name or "diagonal")

    def store(n: LoopContext, at: At, _: At) -> At:
        place = (plus(n, at[0], const(max(-k, 0))), plus(n, at[0], const(max(k, 0))))
        n.store(target, n.element(x, place), at)
        return ()

    n.iterations(count, (), store)
    return target


# ---- triangular systems ----------------------------------------------------------------------


def substituted(n: LoopContext, op: Op) -> Atom:
    """`solve_triangular`: forward substitution, or backward substitution from the last row."""
    a, b = op.operands
    is_transposed = op.attrs.get("trans", 0) not in (0, "N")
    is_conjugated = op.attrs.get("trans", 0) in (2, "C") and element_type(a.type).dtype[0] == "c"
    has_ones = bool(op.attrs.get("unit_diagonal", False))
    forward = bool(op.attrs.get("lower", False)) != is_transposed
    rows, *columns = shape_of(b.type)
    target = n.new(op.result.type, name=op.result.name or "solution")
    size = n.length(rows)

    def entry(n: LoopContext, i: Atom, k: Atom) -> Atom:
        found = n.element(a, (k, i) if is_transposed else (i, k))
        return n.compute("conjugate", found) if is_conjugated else found

    def row(n: LoopContext, at: At, _: At) -> At:
        i = (
            at[0]
            if forward
            else n.compute("subtract", n.compute("subtract", size, const(1)), at[0])
        )

        def column(n: LoopContext, c: At, _: At) -> At:
            def step(n: LoopContext, k: At, left: At) -> At:
                place = k[0] if forward else plus(n, plus(n, i, const(1)), k[0])
                product = times(n, entry(n, i, place), n.load(target, (place, *c)))
                return (n.compute("subtract", left[0], product),)

            start = n.element(b, (i, *c))
            if start.type != element_type(target.type):
                start = n.cast(start, element_type(target.type).dtype)
            (left,) = n.iterations(at[0], (start,), step)
            solved = left if has_ones else n.compute("divide", left, entry(n, i, i))
            n.store(target, solved, (i, *c))
            return ()

        if not has_ones:
            n.refuse("{0} == 0.0", [entry(n, i, i)], np.linalg.LinAlgError, "singular matrix")
        n.each(columns, (), column)
        return ()

    n.iterations(size, (), row)
    return target
