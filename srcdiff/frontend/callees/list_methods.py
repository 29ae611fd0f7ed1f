"""Methods of lists that grow, and lists made from other lists: copies, slices, sums.

ys = xs[1:]         ys = []; for item in xs[1:]: ys.append(item)
xs + ys             zs = list(xs); zs.extend(ys)
[x] * n             ys = []; for i in range(n): ys.append(x)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import gast

from srcdiff.frontend.containers.closure_lists import opened
from srcdiff.frontend.containers.lists import (
    copied,
    is_empty,
    is_long_tuple,
    marked,
    new_list,
    put_on,
    readable,
)
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import (
    FrontValue,
    Generated,
    Items,
    Method,
    Parts,
    Slice,
    is_static,
    sequence,
    static_int,
)
from srcdiff.frontend.iteration.comprehensions import append_each
from srcdiff.frontend.iteration.iterables import passed, taken
from srcdiff.frontend.iteration.prelude import (
    insert_item,
    pop_item,
    put_after,
    put_between,
    repeated_items,
)
from srcdiff.frontend.joins.join_types import UNKNOWN
from srcdiff.ir.types import List
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays.containers import list_pop, list_reverse


def concatenated(fr: Frame, node: gast.AST, left: FrontValue, right: FrontValue) -> Value:
    """`left + right`, for lists of which one grows, or for tuples."""
    as_tuple = is_long_tuple(left) or is_long_tuple(right)
    if isinstance(left, Value) and isinstance(left.type, List) and left.type.element != UNKNOWN:
        made = copied(fr, node, left, as_tuple)
    else:
        first = left.values if isinstance(left, Parts) else []
        made = marked(fr, new_list(fr, first, node), as_tuple)
    _extend(fr, node, made, [right])
    return made


def slice_of_list(fr: Frame, node: gast.AST, xs: Value, items: Items, is_reversed: bool) -> Value:
    """A slice of a list, or of a tuple, as one of its own."""
    if is_reversed:
        made = copied(fr, node, xs, is_long_tuple(xs))
        fr.ops(node, list_reverse, made)
        return made
    made = marked(fr, new_list(fr, [], node), is_long_tuple(xs))
    append_each(fr, node, made, items)
    return made


def repeated(fr: Frame, node: gast.AST, item: FrontValue, times: Atom) -> Value:
    made = new_list(fr, [], node)
    append_each(fr, node, made, Items(times, lambda k: item))
    return made


def repeated_list(fr: Frame, node: gast.AST, xs: Value, times: FrontValue) -> FrontValue:
    """`xs * n`, for a list that grows, or a tuple."""
    made = fr.call_prelude(node, repeated_items, xs, times)
    return marked(fr, made, is_long_tuple(xs)) if isinstance(made, Value) else made


def repeat_in_place(fr: Frame, node: gast.AST, xs: FrontValue, times: FrontValue) -> None:
    """`xs *= n`: all names of the list see it."""
    count = static_int(times)
    if count is None or count < 1:
        fr.untyped(
            node,
            "a list is repeated in place never, or as often as is known only when the program runs",
            "Make another: `ys = xs * n`.",
        )
    own = sequence(xs.values) if isinstance(xs, Parts) else copied(fr, node, xs)  # type: ignore[arg-type]
    for _ in range(count - 1):
        fr.call(node, Method(xs, "extend"), [own])
        xs = fr.session.current(xs)


def _append(fr: Frame, node: gast.AST, target: Value, args: Sequence[FrontValue]) -> FrontValue:
    put_on(fr, node, target, args[0])
    return const(None)


def _pop(fr: Frame, node: gast.AST, target: Value, args: Sequence[FrontValue]) -> FrontValue:
    if args and not (is_static(args[0]) and static_int(args[0]) == -1):
        return fr.call_prelude(node, pop_item, target, args[0])
    readable(fr, target)
    return opened(fr, node, fr.op(node, list_pop, target))


def _extend(fr: Frame, node: gast.AST, target: Value, args: Sequence[FrontValue]) -> FrontValue:
    if not isinstance(args[0], Generated):  # which may read the list that its items are put on
        args = [taken(fr, args[0], node)]
    parts = passed(fr, args[0], node)
    if isinstance(parts, Parts):
        for value in parts.values:
            put_on(fr, node, target, value)
    elif args[0] is target:
        fr.fail(node, "a list is extended by itself", "Extend it by a copy (`list(xs)`).")
    elif not is_empty(args[0]):
        append_each(fr, node, target, parts)
    return const(None)


def _reverse(fr: Frame, node: gast.AST, target: Value, args: Sequence[FrontValue]) -> FrontValue:
    fr.ops(node, list_reverse, target)
    return const(None)


def _copy(fr: Frame, node: gast.AST, target: Value, args: Sequence[FrontValue]) -> FrontValue:
    return copied(fr, node, target)


def _insert(fr: Frame, node: gast.AST, target: Value, args: Sequence[FrontValue]) -> FrontValue:
    fr.call_prelude(node, insert_item, target, *args)
    return const(None)


def store_slice(fr: Frame, node: gast.AST, target: Value, key: Slice, value: FrontValue) -> None:
    """`xs[a:b] = ys`."""
    if key.step is not None:
        fr.untyped(
            node,
            "a list whose length is known only when the program runs is assigned with a step",
            "Assign the items one by one in a loop.",
        )
    start = const(0) if key.lower is None else key.lower
    if key.upper is None:
        fr.call_prelude(node, put_after, target, start, value)
    else:
        fr.call_prelude(node, put_between, target, start, key.upper, value)


METHODS: Mapping[str, Callable[[Frame, object, Value, Sequence[FrontValue]], FrontValue]] = {
    "append": _append, "pop": _pop, "extend": _extend, "reverse": _reverse, "copy": _copy, "insert": _insert,
}  # fmt: skip
