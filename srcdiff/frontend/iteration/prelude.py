"""Builtins and methods of lists in plainer Python, which is read where the user calls them."""

# ruff: noqa: B905

from __future__ import annotations

import bisect
import math
import operator
from collections.abc import Callable
from typing import Any

import gast
import numpy as np

from srcdiff.frontend.calls.inline import generated_by
from srcdiff.frontend.containers.lists import known_list
from srcdiff.frontend.core.frame import Frame, describe
from srcdiff.frontend.core.values import (
    FrontValue,
    Items,
    Known,
    Parts,
    Piece,
    ShapeOf,
    Stream,
    is_none,
    is_static,
    sequence,
)
from srcdiff.frontend.iteration.iterables import iterable, taken
from srcdiff.frontend.iteration.iterators import next_item, passes
from srcdiff.ir.core import Value, const
from srcdiff.ir.types import List, Scalar, shape_of

__all__ = ["PRELUDE", "insert_item", "pop_item", "put_behind", "put_between"]


# ---- what is read: no annotations, and names as generated code may show them --------------------------------------


def numbered_1(a):  # type: ignore[no-untyped-def]
    for i in range(a.shape[0]):
        yield (i,), a[i]


def numbered_2(a):  # type: ignore[no-untyped-def]
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            yield (i, j), a[i, j]


def numbered_3(a):  # type: ignore[no-untyped-def]
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            for k in range(a.shape[2]):
                yield (i, j, k), a[i, j, k]


def numbers_1(n):  # type: ignore[no-untyped-def]
    for i in range(n):
        yield (i,)


def numbers_2(n, m):  # type: ignore[no-untyped-def]
    for i in range(n):
        for j in range(m):
            yield i, j


def numbers_3(n, m, length):  # type: ignore[no-untyped-def]
    for i in range(n):
        for j in range(m):
            for k in range(length):
                yield i, j, k


def largest_by(items, key):  # type: ignore[no-untyped-def]
    best = items[0]
    score = key(best)
    for item in items[1:]:
        other = key(item)
        if other > score:
            best = item
            score = other
    return best


def smallest_by(items, key):  # type: ignore[no-untyped-def]
    best = items[0]
    score = key(best)
    for item in items[1:]:
        other = key(item)
        if other < score:
            best = item
            score = other
    return best


def best_or(items, key, best, default):  # type: ignore[no-untyped-def]
    return best(items, key) if len(items) > 0 else default


def in_order(items, key):  # type: ignore[no-untyped-def]
    scores = np.array([key(item) for item in items])
    return [items[k] for k in np.argsort(scores, kind="stable")]


def in_falling_order(items, key):  # type: ignore[no-untyped-def]
    scores = np.array([key(item) for item in items])
    return [items[k] for k in np.argsort(-1 * scores, kind="stable")]


def insert_item(items, position, item):  # type: ignore[no-untyped-def]
    items.append(item)
    place = len(items) - 1
    if position < 0:
        position = max(position + place, 0)
    while place > position:
        items[place] = items[place - 1]
        place -= 1
    items[place] = item


def pop_item(items, position):  # type: ignore[no-untyped-def]
    if position < 0:
        position += len(items)
    if position < 0 or len(items) <= position:
        raise IndexError("pop index out of range")
    item = items[position]
    for place in range(position, len(items) - 1):
        items[place] = items[place + 1]
    items.pop()
    return item


def repeated_items(items, times):  # type: ignore[no-untyped-def]
    found = []
    for _ in range(times):
        found.extend(items)
    return found


def number_list(values):  # type: ignore[no-untyped-def]
    return [float(value) for value in values]


def put_between(items, start, stop, given):  # type: ignore[no-untyped-def]
    n = len(items)
    start = max(start + n, 0) if start < 0 else min(start, n)
    stop = max(stop + n, start) if stop < 0 else max(stop, start)
    new = list(given)
    rest = [items[k] for k in range(stop, n)]
    for _ in range(start, n):
        items.pop()
    items.extend(new)
    items.extend(rest)


def put_behind(items, start, given):  # type: ignore[no-untyped-def]
    n = len(items)
    start = max(start + n, 0) if start < 0 else min(start, n)
    new = list(given)
    for _ in range(start, n):
        items.pop()
    items.extend(new)


def product(items, start=1):  # type: ignore[no-untyped-def]
    total = start
    for item in items:
        total = total * item
    return total


def distance(p, q):  # type: ignore[no-untyped-def]
    return math.sqrt(sum((a - b) ** 2 for a, b in zip(p, q)))


def item_of(position, items):  # type: ignore[no-untyped-def]
    return items[position]


def items_of(*positions_and_items):  # type: ignore[no-untyped-def]
    """What `itemgetter` of several positions gives; `_items_of` reads its calls."""


def all_of(items):  # type: ignore[no-untyped-def]
    for item in items:  # noqa: SIM110 - which would be read by this
        if not item:
            return False
    return True


def any_of(items):  # type: ignore[no-untyped-def]
    for item in items:  # noqa: SIM110
        if item:
            return True
    return False


itself = lambda item: item


# ---- how they are called ---------------------------------------------------------------------------------------------


def as_list(fr: Frame, node: Any, value: FrontValue) -> FrontValue:
    """Something to go through as a list, or as an array that it is."""
    items = iterable(fr, value, node)
    if isinstance(items, Parts):
        return known_list(fr, items.values, node)
    if isinstance(value, Items):
        return fr.call(node, Known(list), [value])
    return value


def any_or_all(fr: Frame, node: Any, is_any: bool, items: FrontValue) -> FrontValue:
    """`any(items)` or `all(items)` of a number of items that only the run knows."""
    return fr.call_prelude(node, any_of if is_any else all_of, items)


def extreme_by(function: Any) -> Callable[..., FrontValue]:
    """`max(items, key=f, default=v)`."""
    by_key = largest_by if function is max else smallest_by

    def read(fr: Frame, node: Any, args: Any, kwargs: Any) -> FrontValue:
        if set(kwargs) - {"key", "default"}:
            fr.fail(node, f"{function.__name__}() takes `key` and `default` only")
        key = kwargs.get("key", Known(itself))
        items = as_list(
            fr,
            node,
            args[0] if len(args) == 1 else Parts("list", tuple(range(len(args))), tuple(args)),
        )
        if isinstance(items, Parts) and not items.values and "default" in kwargs:
            return kwargs["default"]  # type: ignore[no-any-return]
        if isinstance(items, Parts):
            return _of_known(fr, node, function, items.values, key)
        if "default" in kwargs:
            return fr.call_prelude(node, best_or, items, key, Known(by_key), kwargs["default"])
        return fr.call_prelude(node, by_key, items, key)

    return read


def _of_known(
    fr: Frame, node: Any, function: Any, values: tuple[FrontValue, ...], key: FrontValue
) -> FrontValue:
    """The same for known parts: one after the other."""
    if not values:
        fr.fail(node, f"{function.__name__}() of nothing", "Give a `default`.")
    if len(values) == 1:
        return values[0]
    better = better_of if function is max else worse_of
    best = values[0]
    for value in values[1:]:
        best = fr.call_prelude(node, better, best, value, key)
    return best


def better_of(best, other, key):  # type: ignore[no-untyped-def]
    return other if key(other) > key(best) else best


def worse_of(best, other, key):  # type: ignore[no-untyped-def]
    return other if key(other) < key(best) else best


def sorted_items(fr: Frame, node: Any, args: Any, kwargs: Any) -> FrontValue:
    """`sorted(items, key=f, reverse=True)` by numbers."""
    items = as_list(fr, node, args[0])
    key = kwargs.get("key", Known(itself))
    listed = items.type if isinstance(items, Value) else None
    if isinstance(listed, List) and "key" not in kwargs and not isinstance(listed.element, Scalar):
        fr.untyped(node, f"sorted() of {describe(items)}", "Sort by a key that is a number.")
    is_falling = kwargs.get("reverse", const(False))
    if not is_static(is_falling):
        fr.untyped(node, "`reverse` must be known when compiling", "Branch on it.")
    falls = bool(getattr(is_falling, "value", False))
    return fr.call_prelude(
        node,
        in_falling_order if falls else in_order,
        items,
        Known(itself) if is_none(key) else key,
    )


def filtered(holds, items):  # type: ignore[no-untyped-def]
    for item in items:
        if holds(item):
            yield item


def true_ones(items):  # type: ignore[no-untyped-def]
    for item in items:
        if item:
            yield item


def _filter(fr: Frame, node: Any, args: Any, kwargs: Any) -> FrontValue:
    """`filter(f, items)`, as `[item for item in items if f(item)]` where it is gone through at once."""
    function, items = args
    if not passes(fr, node):
        read = true_ones if is_none(function) else filtered
        return generated_by(fr, node, read, *([items] if is_none(function) else args))
    holds = gast.Name("%holds", gast.Load(), None, None)
    item, load = (gast.Name("%item", c(), None, None) for c in (gast.Store, gast.Load))
    source = gast.Name("%items", gast.Load(), None, None)
    test = load if is_none(function) else gast.Call(holds, [load], [])
    generator = gast.comprehension(item, source, [test], 0)
    made = getattr(node, "filtered", None)
    if made is None:
        made = node.filtered = gast.ListComp(load, [generator])
        for part in gast.walk(made):
            gast.copy_location(part, node)
    fr.env["%holds"], fr.env["%items"] = function, items
    return fr.expr(made)


def _next(fr: Frame, node: Any, args: Any, kwargs: Any) -> FrontValue:
    """`next(... for ...)`: the first item; `next(items, default)`."""
    items = args[0]
    is_new = getattr(node.args[0], "in_passing", False)
    if isinstance(items, Stream) and not is_new:
        return next_item(fr, node, args)
    if not is_new:
        fr.untyped(
            node, "next() takes an iterator or a generator expression here", "Loop over the items."
        )
    items = taken(fr, items, node)
    if len(args) == 1:
        return fr.call_prelude(node, item_of, const(0), items)
    return fr.call_prelude(node, first_or, items, args[1])


def first_or(items, default):  # type: ignore[no-untyped-def]
    return items[0] if len(items) > 0 else default


def _itemgetter(fr: Frame, node: Any, args: Any, kwargs: Any) -> FrontValue:
    return Piece(Known(item_of if len(args) == 1 else items_of), tuple(args), ())


def _items_of(fr: Frame, node: Any, args: Any, kwargs: Any) -> FrontValue:
    *positions, items = args
    return sequence([fr.call_prelude(node, item_of, position, items) for position in positions])


def _from_iter(fr: Frame, node: Any, args: Any, kwargs: Any) -> FrontValue:
    """`np.fromiter(items, dtype)`."""
    given = {k: v for k, v in kwargs.items() if k == "dtype"}
    if len(args) > 1:
        given["dtype"] = args[1]
    items = as_list(fr, node, args[0])
    return fr.call(node, Known(np.array), [items], given)


def _fsum(fr: Frame, node: Any, args: Any, kwargs: Any) -> FrontValue:
    return fr.call(node, Known(sum), [args[0], const(0.0)])


def _prod(fr: Frame, node: Any, args: Any, kwargs: Any) -> FrontValue:
    start = [kwargs["start"]] if "start" in kwargs else []
    return fr.call_prelude(node, product, args[0], *start)


def _dist(fr: Frame, node: Any, args: Any, kwargs: Any) -> FrontValue:
    return fr.call_prelude(node, distance, *args)


_NUMBERED = {1: numbered_1, 2: numbered_2, 3: numbered_3}
_NUMBERS = {1: numbers_1, 2: numbers_2, 3: numbers_3}


def _ndenumerate(fr: Frame, node: Any, args: Any, kwargs: Any) -> FrontValue:
    """`np.ndenumerate(a)`."""
    array = fr.as_atom(args[0], node)
    read = _NUMBERED.get(len(shape_of(array.type)))
    if read is None:
        fr.untyped(
            node, "np.ndenumerate() goes through one to three axes here", "Write nested loops."
        )
    return generated_by(fr, node, read, array, at_once=True)


def _ndindex(fr: Frame, node: Any, args: Any, kwargs: Any) -> FrontValue:
    """`np.ndindex(n, m)`, `np.ndindex(a.shape)`."""
    lengths = list(args)
    if len(args) == 1 and isinstance(args[0], Parts | ShapeOf):
        items = iterable(fr, args[0], node)
        lengths = list(items.values) if isinstance(items, Parts) else []
    read = _NUMBERS.get(len(lengths))
    if read is None:
        fr.untyped(node, "np.ndindex() takes one to three lengths here", "Write nested loops.")
    return generated_by(fr, node, read, *lengths, at_once=True)


def _bisected(side: str) -> Callable[..., FrontValue]:
    """`bisect.bisect_left(items, x)`, `bisect.bisect_right(items, x)`."""

    def read(fr: Frame, node: Any, args: Any, kwargs: Any) -> FrontValue:
        if len(args) != 2 or kwargs:
            fr.untyped(node, "bisect() takes the items and a number here", "Use np.searchsorted.")
        items = fr.call(node, Known(np.array), [args[0]])
        return fr.call(node, Known(np.searchsorted), [items, args[1]], {"side": const(side)})

    return read


PRELUDE: dict[Any, Callable[..., FrontValue]] = {
    filter: _filter, next: _next, operator.itemgetter: _itemgetter, items_of: _items_of, np.fromiter: _from_iter,
    np.ndenumerate: _ndenumerate, np.ndindex: _ndindex, bisect.bisect_left: _bisected("left"),
    bisect.bisect_right: _bisected("right"), math.fsum: _fsum, math.dist: _dist, math.prod: _prod,
}  # fmt: skip
