"""How the functions of the prelude are called: builtins, reductions, sorting, `numpy.fromiter`, `bisect`."""

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
    Args,
    FrontValue,
    Items,
    Known,
    Kwargs,
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
from srcdiff.frontend.iteration.prelude import (
    all_of,
    any_of,
    best_or,
    better_of,
    distance,
    filtered,
    first_or,
    in_falling_order,
    in_order,
    item_of,
    items_of,
    itself,
    largest_by,
    numbered_1,
    numbered_2,
    numbered_3,
    numbers_1,
    numbers_2,
    numbers_3,
    product,
    smallest_by,
    true_ones,
    worse_of,
)
from srcdiff.ir.types import List, Scalar, shape_of
from srcdiff.ir.values import Value, const

# ---- how they are called ---------------------------------------------------------------------------------------------


def as_list(fr: Frame, node: gast.AST, value: FrontValue) -> FrontValue:
    """Something to go through as a list, or as an array that it is."""
    items = iterable(fr, value, node)
    if isinstance(items, Parts):
        return known_list(fr, items.values, node)
    if isinstance(value, Items):
        return fr.call(node, Known(list), [value])
    return value


def any_or_all(fr: Frame, node: gast.AST, is_any: bool, items: FrontValue) -> FrontValue:
    """`any(items)` or `all(items)` of a number of items that only the run knows."""
    return fr.call_prelude(node, any_of if is_any else all_of, items)


def extreme_by(function: Any) -> Callable[..., FrontValue]:
    """`max(items, key=f, default=v)`."""
    by_key = largest_by if function is max else smallest_by

    def read(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
        if set(kwargs) - {"key", "default"}:
            fr.fail(node, f"{function.__name__}() takes `key` and `default` only")
        key = kwargs.get("key", Known(itself))
        items = as_list(
            fr,
            node,
            args[0] if len(args) == 1 else Parts("list", tuple(range(len(args))), tuple(args)),
        )
        if isinstance(items, Parts) and not items.values and "default" in kwargs:
            return kwargs["default"]
        if isinstance(items, Parts):
            return _of_known(fr, node, function, items.values, key)
        if "default" in kwargs:
            return fr.call_prelude(node, best_or, items, key, Known(by_key), kwargs["default"])
        return fr.call_prelude(node, by_key, items, key)

    return read


def _of_known(
    fr: Frame, node: gast.AST, function: Any, values: tuple[FrontValue, ...], key: FrontValue
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


def sorted_items(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
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


def _filter(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """`filter(f, items)`, as `[item for item in items if f(item)]` where a loop iterates over it at once."""
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


def _next(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
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


def _itemgetter(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    return Piece(Known(item_of if len(args) == 1 else items_of), tuple(args), ())


def _items_of(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    *positions, items = args
    return sequence([fr.call_prelude(node, item_of, position, items) for position in positions])


def _from_iter(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """`np.fromiter(items, dtype)`."""
    given = {k: v for k, v in kwargs.items() if k == "dtype"}
    if len(args) > 1:
        given["dtype"] = args[1]
    items = as_list(fr, node, args[0])
    return fr.call(node, Known(np.array), [items], given)


def _fsum(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    return fr.call(node, Known(sum), [args[0], const(0.0)])


def _prod(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    start = [kwargs["start"]] if "start" in kwargs else []
    return fr.call_prelude(node, product, args[0], *start)


def _dist(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    return fr.call_prelude(node, distance, *args)


_NUMBERED = {1: numbered_1, 2: numbered_2, 3: numbered_3}
_NUMBERS = {1: numbers_1, 2: numbers_2, 3: numbers_3}


def _ndenumerate(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """`np.ndenumerate(a)`."""
    array = fr.as_atom(args[0], node)
    read = _NUMBERED.get(len(shape_of(array.type)))
    if read is None:
        fr.untyped(
            node, "np.ndenumerate() goes through one to three axes here", "Write nested loops."
        )
    return generated_by(fr, node, read, array, at_once=True)


def _ndindex(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
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

    def read(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
        if len(args) != 2 or kwargs:
            fr.untyped(node, "bisect() takes the items and a number here", "Use np.searchsorted.")
        items = fr.call(node, Known(np.array), [args[0]])
        return fr.call(node, Known(np.searchsorted), [items, args[1]], {"side": const(side)})

    return read


PRELUDE: dict[object, Callable[..., FrontValue]] = {
    filter: _filter, next: _next, operator.itemgetter: _itemgetter, items_of: _items_of, np.fromiter: _from_iter,
    np.ndenumerate: _ndenumerate, np.ndindex: _ndindex, bisect.bisect_left: _bisected("left"),
    bisect.bisect_right: _bisected("right"), math.fsum: _fsum, math.dist: _dist, math.prod: _prod,
}  # fmt: skip
