"""Loop forms of searches: extremes so far, the place of an extreme, the places of a mask."""

from __future__ import annotations

import math
from collections.abc import Callable

from srcdiff.ir.core import Op
from srcdiff.ir.types import Array, element_type, is_float, shape_of
from srcdiff.ir.values import Atom, const
from srcdiff.ops.core.axes import axes_of
from srcdiff.ops.loopforms.context import At, LoopContext
from srcdiff.ops.loopforms.element_maps import count_of, plus, times
from srcdiff.ops.loopforms.reduction_identities import start_of

_OPPOSITES = {"less": "greater", "greater": "less"}


def running_extreme(comparison: str) -> Callable[[LoopContext, Op], Atom]:
    """`maximum.accumulate`: NaN stays in all later elements."""

    def loops(n: LoopContext, op: Op) -> Atom:
        x, axis = op.operands[0], op.attrs["axis"]
        shape = shape_of(x.type)
        target = n.new(op.result.type, name=op.result.name or "best")

        def row(n: LoopContext, at: At, _: At) -> At:
            start = n.element(x, [*at[:axis], const(0), *at[axis:]])

            def step(n: LoopContext, inside: At, best: At) -> At:
                place = [*at[:axis], *inside, *at[axis:]]
                new = n.element(x, place)
                is_worse = n.compute("not", n.compute(comparison, new, best[0]))
                is_nan = n.compute("not_equal", new, new)
                stays = n.compute("and", is_worse, n.compute("not", is_nan))
                stays = n.compute("or", stays, n.compute("not_equal", best[0], best[0]))
                found = n.compute("choose", stays, best[0], new)
                n.store(target, found, place)
                return (found,)

            n.each([shape[axis]], (start,), step, "best")
            return ()

        n.each([d for k, d in enumerate(shape) if k != axis], (), row)
        return target

    return loops


def place_of_extreme(comparison: str) -> Callable[[LoopContext, Op], Atom]:
    """`argmax`, `argmin`: the place of the first greatest element; NaN counts as greatest."""

    def loops(n: LoopContext, op: Op) -> Atom:
        x = op.operands[0]
        shape = shape_of(x.type)
        reduced = axes_of(len(shape), op.attrs.get("axis"))
        kept = [k for k in range(len(shape)) if k not in reduced]
        n.refuse_empty(
            [shape[k] for k in reduced], f"attempt to get {op.decl.name} of an empty sequence"
        )

        # the start loses to every element: each element is computed once, so that its expression can be inlined here
        first = start_of(
            math.inf if comparison == "less" else -math.inf, element_type(x.type).dtype
        )

        def search(n: LoopContext, fixed: dict[int, Atom]) -> Atom:

            def step(n: LoopContext, at: At, best: At) -> At:
                rest = iter(at)
                full = [fixed[k] if k in fixed else next(rest) for k in range(len(shape))]
                new = n.element(x, full)
                if is_float(new.type):  # NaN wins, except against an earlier NaN
                    is_beaten = n.compute(f"{_OPPOSITES[comparison]}_equal", new, best[0])
                    is_number = n.compute("equal", best[0], best[0])
                    hit = n.compute("and", n.compute("not", is_beaten), is_number)
                else:
                    hit = n.compute(comparison, new, best[0])
                place = count_of(n, [shape[k] for k in reduced], [full[k] for k in reduced])
                return (
                    n.compute("choose", hit, new, best[0]),
                    n.compute("choose", hit, place, best[1]),
                )

            return n.each([shape[k] for k in reduced], (first, const(0)), step)[1]

        if not isinstance(op.result.type, Array):
            return search(n, {})
        target = n.new(op.result.type, name=op.result.name or "places")
        keeps = op.attrs.get("keepdims")

        def row(n: LoopContext, at: At, _: At) -> At:
            fixed = dict(zip(kept, at, strict=True))
            place = [fixed.get(k, const(0)) for k in range(len(shape))] if keeps else at
            n.store(target, search(n, fixed), place)
            return ()

        n.each([shape[k] for k in kept], (), row)
        return target

    return loops


def places_of_true(n: LoopContext, op: Op) -> At:
    """`flatnonzero` and `nonzero`: a counter is the position in an array of places for each axis."""
    (mask,) = op.operands
    shape = shape_of(mask.type)
    size = n.length(shape[0])
    for d in shape[1:]:
        size = times(n, size, n.length(d))
    long = shape[0] if len(shape) == 1 else n.b.shapes.fresh()
    places = [n.new(Array("int64", (long,)), [size], "places") for _ in shape]

    def step(n: LoopContext, at: At, count: At) -> At:
        def found(n: LoopContext) -> At:
            for array, index in zip(places, at, strict=True):
                n.store(array, index, count)
            return (plus(n, count[0], const(1)),)

        return n.when(_is_true(n, n.element(mask, at)), found, count)

    (count,) = n.each(shape, (const(0),), step, "count")
    return tuple(n.front(p, count, r) for p, r in zip(places, op.results, strict=True))


def _is_true(n: LoopContext, element: Atom) -> Atom:
    is_bool = element_type(element.type).dtype == "bool"
    return element if is_bool else n.compute("not_equal", element, const(0))
