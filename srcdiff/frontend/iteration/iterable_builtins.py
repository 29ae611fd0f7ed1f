"""Builtins that return iterables: `range`, `enumerate`, `reversed`, `zip`, `map`, and `srcdiff.checkpointed`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import gast

from srcdiff.frontend.containers.lists import new_list
from srcdiff.frontend.core.frame import Frame, describe
from srcdiff.frontend.core.values import FrontValue, Items, Parts, sequence, static_int
from srcdiff.frontend.iteration.iterables import (
    count_of,
    forward,
    iterable,
    plus,
    range_items,
    unrolled,
)
from srcdiff.ir.types import Array, Scalar
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.elementwise import arithmetic


def checkpointed(
    fr: Frame, node: gast.AST, args: Sequence[FrontValue], kwargs: Mapping[str, FrontValue]
) -> FrontValue:
    """`srcdiff.checkpointed(range(n), slots=k)`: the range, with the number of states to keep."""
    given = dict(zip(("iterations", "slots"), args, strict=False)) | dict(kwargs)
    iterations, slots = given.get("iterations"), given.get("slots")
    items = None if iterations is None else iterable(fr, iterations, node)
    if not isinstance(items, Items) or items.bounds is None or items.reverse:
        fr.fail(
            node, "srcdiff.checkpointed takes a range", "Write `checkpointed(range(n), slots=k)`."
        )
    if slots is None or len(given) != 2:
        fr.fail(
            node,
            "srcdiff.checkpointed takes a range and slots=",
            "Give the number of states to keep.",
        )
    number = static_int(fr.as_atom(slots, node))
    if number is None:
        fr.session.specialise_on(fr.as_atom(slots, node))
        fr.fail(node, "the number of slots must be known when compiling", "Pass an integer for it.")
    if number < 1:
        fr.fail(node, f"{number} slots keep no state to start from", "Keep one at least: slots=1.")
    if static_int(items.bounds[2]) != 1:
        fr.fail(
            node,
            "srcdiff.checkpointed takes a range that counts up by 1",
            "Use `range(n)` and compute the position from it.",
        )
    if static_int(items.bounds[0]) != 0:
        count = count_of(fr, items, node)
        items = replace(items, count=count, bounds=None)
    return replace(items, slots=number)


def _range(
    fr: Frame, node: gast.AST, args: Sequence[FrontValue], kwargs: Mapping[str, FrontValue]
) -> FrontValue:
    bounds = [fr.as_atom(a, node) for a in args]
    for bound in bounds:
        if not isinstance(bound.type, Scalar) or bound.type.dtype[0] not in "biu":
            fr.fail(node, f"range() takes integers, got {describe(bound)}")
    return range_items(fr, bounds, node)


def _enumerate(
    fr: Frame, node: gast.AST, args: Sequence[FrontValue], kwargs: Mapping[str, FrontValue]
) -> FrontValue:
    inner = iterable(fr, args[0], node)
    start = fr.as_atom(args[1] if len(args) > 1 else kwargs.get("start", const(0)), node)
    if isinstance(inner, Parts):
        return sequence(
            [sequence([plus(fr, node, start, const(k)), v]) for k, v in enumerate(inner.values)]
        )
    items = forward(fr, inner, node)
    is_index = static_int(start) == 0
    return Items(
        items.count if not items.bounds else count_of(fr, items, node),
        lambda k: sequence([plus(fr, node, k, start), items.element(k)]),
        naming=0 if is_index else -1,
        lists=items.lists,
    )


def _reversed(
    fr: Frame, node: gast.AST, args: Sequence[FrontValue], kwargs: Mapping[str, FrontValue]
) -> FrontValue:
    inner = iterable(fr, args[0], node)
    if isinstance(inner, Parts):
        return sequence(inner.values[::-1])
    return replace(inner, reverse=not inner.reverse, naming=-1)


def _zip(
    fr: Frame, node: gast.AST, args: Sequence[FrontValue], kwargs: Mapping[str, FrontValue]
) -> FrontValue:
    parts = [iterable(fr, a, node) for a in args]
    known = [p for p in parts if isinstance(p, Parts)]
    if known or not parts:
        found = _zip_known(fr, node, parts)
        if found is not None:
            return found
        given = getattr(node, "args", [])[-len(parts) :]
        nodes = given if len(given) == len(parts) else [node] * len(parts)  # zip(*rows)
        parts = [listed(fr, p, n) for p, n in zip(parts, nodes, strict=True)]
    items = [p for p in parts if isinstance(p, Items)]
    if all(i.reverse for i in items) and _same_counts(fr, items, node):
        return Items(
            count_of(fr, items[0], node),
            lambda k: sequence([i.element(k) for i in items]),
            reverse=True,
            lists=_lists(items),
        )
    items = [forward(fr, i, node) for i in items]
    count = count_of(fr, items[0], node)
    if not _same_counts(fr, items, node):
        for other in items[1:]:
            count = fr.op(
                node, arithmetic.minimum, count, count_of(fr, other, node), spelling="min"
            )
    return Items(count, lambda k: sequence([i.element(k) for i in items]), lists=_lists(items))


def _lists(items: Sequence[Items]) -> tuple[tuple[Value, object], ...]:
    return tuple(read for i in items for read in i.lists)


def _zip_known(fr: Frame, node: gast.AST, parts: Sequence[Items | Parts]) -> Parts | None:
    """All rows, where the number of each of the parts is known, or that of one is 0."""
    lists = []
    for part in parts:
        known = part if isinstance(part, Parts) else unrolled(fr, part, node)
        if known is None and all(not isinstance(p, Parts) or p.values for p in parts):
            return None
        lists.append(known.values if known is not None else ())
    return sequence([sequence(row) for row in zip(*lists, strict=False)])


def listed(fr: Frame, part: Items | Parts, node: gast.AST) -> Items:
    """A container of numbers or arrays as items by position, beside an iterable whose length is not known."""
    if isinstance(part, Items):
        return part
    if not can_be_listed(part):
        fr.untyped(
            node,
            "zip() of a container of parts of different types and a list whose length is not known",
            "Loop over `range(len(...))` of the container, and index the list.",
        )
    items = iterable(fr, new_list(fr, part.values, node), node)
    assert isinstance(items, Items)
    return items


def can_be_listed(part: Items | Parts) -> bool:
    """Whether parts that are known may stand on a list: numbers and arrays."""
    return isinstance(part, Items) or all(
        isinstance(v, Value | Const) and _is_number_or_array(v) for v in part.values
    )


def _is_number_or_array(value: Atom) -> bool:
    return isinstance(value.type, Array) or (
        isinstance(value.type, Scalar) and value.type.dtype[0] in "biuf"
    )


def _same_counts(fr: Frame, items: Sequence[Items], node: gast.AST) -> bool:
    """Whether all have the same number of items; lengths that are equal for the given arguments are assumed equal
    from then on.
    """
    shapes = fr.session.shapes
    exprs = [t.expr if isinstance(t := count_of(fr, i, node).type, Scalar) else None for i in items]
    first = exprs[0]
    if first is None or None in exprs:
        return False
    for other in exprs[1:]:
        assert other is not None
        if shapes.same(first, other):
            continue
        try:
            if shapes.resolve(first).evaluate(shapes.actual) != shapes.resolve(other).evaluate(
                shapes.actual
            ):
                return False
        except KeyError:
            return False
        shapes.assumptions.append((first, other))
        shapes.must_equal(first, other)
    return True


def _map(
    fr: Frame, node: gast.AST, args: Sequence[FrontValue], kwargs: Mapping[str, FrontValue]
) -> FrontValue:
    from_zip = _zip(fr, node, args[1:], {})
    if isinstance(from_zip, Parts):
        return sequence([fr.call(node, args[0], _values(v)) for v in from_zip.values])
    assert isinstance(from_zip, Items)
    return Items(
        from_zip.count,
        lambda k: fr.call(node, args[0], _values(from_zip.element(k))),
        reverse=from_zip.reverse,
        lists=from_zip.lists,
    )


def _values(value: FrontValue) -> tuple[FrontValue, ...]:
    assert isinstance(value, Parts)
    return value.values


BUILTINS: dict[object, Callable[..., FrontValue]] = {
    range: _range, enumerate: _enumerate, reversed: _reversed, zip: _zip, map: _map,
}  # fmt: skip
