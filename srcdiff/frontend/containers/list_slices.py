"""Slices of lists of the IR, `xs[a:b:c]`: which items they have, and in which order. The list is not copied here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import gast

from srcdiff.frontend.containers.closure_lists import opened
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import FrontValue, Items
from srcdiff.ir.core import OpDecl
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays.containers import list_item, list_length
from srcdiff.ops.core.scalar_spellings import choose
from srcdiff.ops.elementwise.arithmetic import (
    add,
    floor_divide,
    less,
    maximum,
    minimum,
    multiply,
    subtract,
)

Bound = Atom | None
Place = Callable[[], Atom]


def list_slice(
    fr: Frame, xs: Value, lower: Bound, upper: Bound, step: int, node: gast.AST
) -> Items:
    """The items of a slice, to loop over; `step` is not 0."""
    lists = ((xs, ("copied", fr.session.path, id(node))),)
    n = fr.op(node, list_length, xs)

    def item(place: Atom) -> FrontValue:
        return opened(fr, node, fr.op(node, list_item, xs, place))

    if step == -1 and lower is None and upper is None:
        return Items(n, item, reverse=True, lists=lists)
    is_up = step > 0
    low, high = (lower, upper) if is_up else (upper, lower)
    places = _Places(fr, n, node)
    start = const(0 if is_up else -1) if low is None else places.low(low, 0 if is_up else -1)
    stop = places.ahead(n, 0 if is_up else -1)
    if high is not None:
        stop = places.high(high, stop)
    count = places.distance(start, stop)
    if abs(step) > 1:
        count = fr.op(node, floor_divide, places.ahead(count, abs(step) - 1), const(abs(step)))
    first = start if is_up else stop
    return Items(count, lambda k: item(places.sum(first, places.times(k, step))), lists=lists)


@dataclass(frozen=True)
class _Places:
    """Bounds as places on a list of length `n`. A list that ends before the slice begins makes the count of its items
    negative, which is none: so each end is held on one side only.
    """

    fr: Frame
    n: Atom
    node: gast.AST

    def low(self, bound: Atom, lowest: int) -> Atom:
        """The smaller bound of the two."""

        def from_end() -> Atom:
            place = self.sum(self.n, bound)
            return self.fr.op(
                self.node, maximum, place, const(lowest), name="first", spelling="max"
            )

        return self.either(bound, from_end, lambda: bound)

    def high(self, bound: Atom, highest: Atom) -> Atom:
        """The larger bound of the two."""

        def from_front() -> Atom:
            return self.fr.op(self.node, minimum, bound, highest, name="end", spelling="min")

        return self.either(bound, lambda: self.sum(self.n, bound), from_front)

    def either(self, bound: Atom, from_end: Place, from_front: Place) -> Atom:
        """Negative bounds count from the end."""
        if isinstance(bound, Const):
            return from_end() if bound.value < 0 else from_front()
        is_negative = self.fr.op(self.node, less, bound, const(0))
        return self.fr.op(self.node, choose, is_negative, from_end(), from_front(), name="end")

    def sum(self, a: Atom, b: Atom) -> Atom:
        if isinstance(a, Const):
            a, b = b, a
        return self.ahead(a, b.value) if isinstance(b, Const) else self._op(add, a, b)

    def ahead(self, a: Atom, by: int) -> Atom:
        if isinstance(a, Const):
            return const(a.value + by)
        return a if by == 0 else self._op(add if by > 0 else subtract, a, const(abs(by)))

    def times(self, k: Atom, step: int) -> Atom:
        if isinstance(k, Const):
            return const(k.value * step)
        return k if step == 1 else self._op(multiply, k, const(step))

    def distance(self, low: Atom, high: Atom) -> Atom:
        return (
            self.ahead(high, -low.value)
            if isinstance(low, Const)
            else self._op(subtract, high, low)
        )

    def _op(self, decl: OpDecl, a: Atom, b: Atom) -> Atom:
        return self.fr.op(self.node, decl, a, b)
