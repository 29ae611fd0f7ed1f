"""`itertools` over what has types: a number of turns and the items of a turn, where only the run knows the lengths.

    for i, j in combinations(range(n), 2):     for i, j in zip(*np.triu_indices(n, 1)):

Few rows of known parts are written out; what has no typed form is dynamic.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from srcdiff.frontend.frame import HOOKS, Frame
from srcdiff.frontend.iteration import CALL, can_be_listed, count_of, forward, iterable, listed
from srcdiff.frontend.prelude import called
from srcdiff.frontend.subscripts import read_item
from srcdiff.frontend.values import FrontValue, Items, Known, Parts, is_static, sequence, static
from srcdiff.ir.core import Atom, Const, Value, const
from srcdiff.ir.types import Scalar
from srcdiff.ops import arithmetic
from srcdiff.ops.memory import axis_length

__all__ = ["ITERTOOLS"]

Args = Sequence[FrontValue]
Kwargs = Mapping[str, FrontValue]
_MOST_ROWS = 24  # that are written out one by one


# ---- what is read --------------------------------------------------------------------------------------------------


def accumulated(items, function):  # type: ignore[no-untyped-def]
    sums = list(items[:1])
    for item in items[1:]:
        sums.append(function(sums[-1], item))
    return sums


def joined(first, second):  # type: ignore[no-untyped-def]
    items = list(first)
    for item in second:
        items.append(item)
    return items


# ---- rows of several -----------------------------------------------------------------------------------------------


def _product(fr: Frame, node: Any, args: Args, kwargs: Kwargs) -> FrontValue:
    times = kwargs.get("repeat", const(1))
    if not is_static(times) or not args:
        _untyped(fr, node)
    parts = [iterable(fr, a, node) for a in args] * int(static(times))
    if all(isinstance(p, Parts) for p in parts):
        return _written_out(fr, node, itertools.product(*(_values(p) for p in parts)))
    items = [_items(fr, p, node) for p in parts]
    counts = [_turns(fr, i, node) for i in items]

    def element(k: Atom) -> FrontValue:
        row: list[FrontValue] = []
        for i, count in reversed(list(zip(items[1:], counts[1:], strict=True))):
            row.insert(0, i.element(_integer(fr, node, arithmetic.mod, k, count)))
            k = _integer(fr, node, arithmetic.floor_divide, k, count)
        return sequence([items[0].element(k), *row])

    total = counts[0]
    for count in counts[1:]:
        total = _integer(fr, node, arithmetic.multiply, total, count)
    return Items(total, element, lists=tuple(r for i in items for r in i.lists))


def _chosen(function: Any, offset: int) -> Callable[..., FrontValue]:
    """Combinations of two are the places above the diagonal of a matrix, row by row."""

    def read(fr: Frame, node: Any, args: Args, kwargs: Kwargs) -> FrontValue:
        number = args[1] if len(args) > 1 else kwargs.get("r", const(0))
        if len(args) > 2 or not is_static(number):
            _untyped(fr, node)
        taken = static(number)
        part = iterable(fr, args[0], node)
        if isinstance(part, Parts):
            return _written_out(fr, node, function(part.values, taken))
        if taken != 2:
            return _written_out(fr, node, function(_values_of_few(fr, node, part), taken))
        items = forward(fr, part, node)
        count = _turns(fr, items, node)
        places = HOOKS["call"](fr, node, Known(np.triu_indices), [count, const(offset)], {})
        assert isinstance(places, Parts)
        row = places.values[0]
        assert isinstance(row, Value)
        return Items(
            fr.op(node, axis_length, row, axis=0),
            lambda k: sequence([items.element(read_item(fr, p, k, node)) for p in places.values]),  # type: ignore[arg-type]
            lists=items.lists,
        )

    return read


def _permutations(fr: Frame, node: Any, args: Args, kwargs: Kwargs) -> FrontValue:
    number = args[1] if len(args) > 1 else kwargs.get("r", const(None))
    if not is_static(number):
        _untyped(fr, node)
    part = iterable(fr, args[0], node)
    values = part.values if isinstance(part, Parts) else _values_of_few(fr, node, part)
    return _written_out(fr, node, itertools.permutations(values, static(number)))


# ---- one after the other -------------------------------------------------------------------------------------------


def _pairwise(fr: Frame, node: Any, args: Args, kwargs: Kwargs) -> FrontValue:
    part = iterable(fr, args[0], node)
    if isinstance(part, Parts):
        return sequence([sequence(list(pair)) for pair in itertools.pairwise(part.values)])
    items = forward(fr, part, node)
    one = const(1)
    return Items(
        _integer(fr, node, arithmetic.subtract, count_of(fr, items, node), one),
        lambda k: sequence(
            [items.element(k), items.element(_integer(fr, node, arithmetic.add, k, one))]
        ),
        lists=items.lists,
    )


def _starmap(fr: Frame, node: Any, args: Args, kwargs: Kwargs) -> FrontValue:
    part = iterable(fr, args[1], node)
    call: Callable[..., FrontValue] = CALL[0]
    if isinstance(part, Parts):
        rows = [_values(iterable(fr, v, node)) for v in part.values]
        return sequence([call(fr, node, args[0], row, {}) for row in rows])
    items = forward(fr, part, node)

    def element(k: Atom) -> FrontValue:
        return call(fr, node, args[0], _values(iterable(fr, items.element(k), node)), {})

    if not isinstance(items.element(const(0)), Parts):
        _untyped(fr, node)
    return Items(count_of(fr, items, node), element, lists=items.lists)


def _accumulate(fr: Frame, node: Any, args: Args, kwargs: Kwargs) -> FrontValue:
    if kwargs or not isinstance(iterable(fr, args[0], node), Parts | Items):
        _untyped(fr, node)
    function = args[1] if len(args) > 1 else Known(_sum_of)
    return called(fr, node, accumulated, _listed(fr, args[0], node), function)


_sum_of = lambda a, b: a + b


def _chain(fr: Frame, node: Any, args: Args, kwargs: Kwargs) -> FrontValue:
    parts = [iterable(fr, a, node) for a in args]
    if all(isinstance(p, Parts) for p in parts):
        return sequence([v for p in parts for v in _values(p)])
    given = [_listed(fr, a, node) for a in args]
    total = given[0]
    for other in given[1:]:
        total = called(fr, node, joined, total, other)
    return total


def _repeat(fr: Frame, node: Any, args: Args, kwargs: Kwargs) -> FrontValue:
    times = args[1] if len(args) > 1 else kwargs.get("times")
    if not isinstance(times, Value | Const):
        _untyped(fr, node)
    return Items(times, lambda k: args[0])  # type: ignore[arg-type]


# ---- parts of the above --------------------------------------------------------------------------------------------


def _values(parts: Items | Parts) -> tuple[FrontValue, ...]:
    assert isinstance(parts, Parts)
    return parts.values


def _written_out(fr: Frame, node: Any, rows: Iterable[Any]) -> FrontValue:
    """All rows; what moves items only is Python's own function."""
    found = list(itertools.islice(rows, _MOST_ROWS + 1))
    if len(found) > _MOST_ROWS:
        _untyped(fr, node)
    return sequence([sequence(list(row)) for row in found])


def _values_of_few(fr: Frame, node: Any, items: Items) -> list[FrontValue]:
    count = items.count
    if not isinstance(count, int) or not count >= 0 or math.factorial(count) > 10**6:
        _untyped(fr, node)
    return [forward(fr, items, node).element(const(k)) for k in range(int(count))]  # type: ignore[arg-type]


def _items(fr: Frame, part: Items | Parts, node: Any) -> Items:
    if not can_be_listed(part):
        _untyped(fr, node)
    return forward(fr, listed(fr, part, node), node)


def _listed(fr: Frame, value: FrontValue, node: Any) -> FrontValue:
    """Something to go through as a list."""
    if not can_be_listed(iterable(fr, value, node)):
        _untyped(fr, node)
    return HOOKS["call"](fr, node, Known(list), [value], {})  # type: ignore[no-any-return]


def _turns(fr: Frame, items: Items, node: Any) -> Atom:
    """How many there are, 0 for none."""
    count = count_of(fr, items, node)
    if isinstance(count, Const):
        return const(max(count.value, 0))
    expr = count.type.expr if isinstance(count.type, Scalar) else None
    if expr is not None and fr.session.shapes.is_at_least_zero(expr):
        return count
    return fr.op(node, arithmetic.maximum, count, const(0), spelling="max")


def _integer(fr: Frame, node: Any, decl: Any, a: Atom, b: Atom) -> Atom:
    """An operation of whole numbers, computed where both are known."""
    if isinstance(a, Const) and isinstance(b, Const):
        plain = {"mod": "__mod__", "floor_divide": "__floordiv__", "multiply": "__mul__"}
        name = plain.get(decl.name, "__add__" if decl.name == "add" else "__sub__")
        return const(getattr(a.value, name)(b.value))
    return fr.op(node, decl, a, b)


def _untyped(fr: Frame, node: Any) -> None:
    fr.untyped(
        node,
        "this has as many items as only the run knows, or too many to write out",
        "Write it as loops over `range`.",
    )


ITERTOOLS: dict[Any, Callable[..., FrontValue]] = {
    itertools.product: _product, itertools.permutations: _permutations, itertools.pairwise: _pairwise,
    itertools.combinations: _chosen(itertools.combinations, 1),
    itertools.combinations_with_replacement: _chosen(itertools.combinations_with_replacement, 0),
    itertools.accumulate: _accumulate, itertools.chain: _chain, itertools.repeat: _repeat,
    itertools.starmap: _starmap,
}  # fmt: skip
