"""Iterable values: ranges, arrays, lists, iterators, and containers of known parts.

Each is an `Items` (a number of iterations and the element of an iteration) or, where every part is known, a `Parts`;
loops over those are unrolled.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import replace

import gast

from srcdiff.frontend.arrays.subscripts import read_item, shape_parts
from srcdiff.frontend.containers.closure_lists import opened
from srcdiff.frontend.containers.dunder_methods import call_dunder, is_own, refuse_own_items
from srcdiff.frontend.containers.lists import readable
from srcdiff.frontend.core.constants import from_python
from srcdiff.frontend.core.frame import Frame, describe
from srcdiff.frontend.core.values import (
    FrontValue,
    Generated,
    Items,
    Known,
    Parts,
    ShapeOf,
    Stream,
    sequence,
    static_int,
)
from srcdiff.frontend.joins.phi import unpack_struct
from srcdiff.ir.types import Array, Dim, List, Scalar, Struct
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays.containers import list_item, list_length
from srcdiff.ops.arrays.memory import axis_length
from srcdiff.ops.elementwise import arithmetic

_ZERO, _ONE = const(0), const(1)
_FEW = 32


def passed(fr: Frame, value: FrontValue, node: gast.AST) -> Items | Parts | Generated:
    """The items of a `for` loop over the value; a generator as it is."""
    if isinstance(value, Generated):
        return value
    if is_own(value):
        own = call_dunder(fr, node, value, "__iter__")
        if own is not None:
            return passed(fr, own, node)
    return iterable(fr, value, node)


def iterable(fr: Frame, value: FrontValue, node: gast.AST) -> Items | Parts:
    """The items of a `for` loop over the value, by the number of the iteration."""
    if isinstance(value, Generated):
        if not value.at_once:
            fr.untyped(
                node, "a generator's items have no numbers", "Loop over the generator itself."
            )
        value = fr.call(node, Known(list), [value])
    if is_own(value):
        own = call_dunder(fr, node, value, "__iter__")
        if own is not None:
            return iterable(fr, own, node)
    refuse_own_items(fr, node, value)
    match value:
        case Items():
            return value
        case Stream():
            return _rest(fr, value, node)
        case Parts():
            return _keys(value) or value
        case ShapeOf():
            return shape_parts(fr, value, node)
        case Known(value=range() as r):
            return range_items(fr, [const(r.start), const(r.stop), const(r.step)], node)
        case Const(value=str() | list() | tuple() as known):
            return sequence([const(c) for c in known])
        case Known(value=enum.EnumType() as names):
            members: list[enum.Enum] = list(names)
            return sequence(
                [from_python(fr, m, f"{names.__name__}.{m.name}", node) for m in members]
            )
        case Value(type=Struct()):
            return _keys(value) or unpack_struct(fr, value, node)
        case Value(type=Array(ndim=ndim)) if ndim:
            return Items(
                fr.op(node, axis_length, value, axis=0), lambda k: read_item(fr, value, k, node)
            )
        case Value(type=List()):
            readable(fr, value)
            return Items(
                fr.op(node, list_length, value),
                lambda k: opened(fr, node, _item(fr, node, value, k)),
                lists=((value, None),),
            )
    refuse = fr.untyped if isinstance(value, Known) else fr.fail  # a set, an object from outside
    refuse(
        node,
        f"cannot loop over {describe(value)}",
        "Loop over a range, an array, a list or a tuple.",
    )


def taken(fr: Frame, value: FrontValue, node: gast.AST) -> FrontValue:
    """The remaining items of an iterator, which is then exhausted; the keys of a dict.

    Others as they are.
    """
    own = call_dunder(fr, node, value, "__iter__")
    if own is not None:
        return taken(fr, own, node)
    if isinstance(value, Generated):
        return fr.collect(node, value)
    if not isinstance(value, Stream):
        keys = _keys(value)
        return value if keys is None else keys
    if static_int(place_of(fr, value, node)) != 0:
        return _rest(fr, value, node)
    _mark_consumed(fr, value)
    return fr.session.current(value.source)


def peeked(fr: Frame, items: Items) -> FrontValue:
    """The first item, for its type; effects of reading it are undone, since its iteration reads it again."""
    session, since = fr.session, len(fr.b.body)
    mark = session.mark()
    first = items.element(const(0))
    session.reset(mark)
    del fr.b.body[since:]
    return first


def _keys(value: FrontValue) -> Parts | None:
    """The keys of a dict; None for anything else."""
    type_ = value.type if isinstance(value, Value) else None
    if isinstance(value, Parts) and value.kind == "dict":
        return sequence([const(k) for k in value.keys])
    if isinstance(type_, Struct) and type_.kind == "dict":
        return sequence([const(k) for k in type_.keys])
    return None


def _mark_consumed(fr: Frame, stream: Stream) -> None:
    consumed = Parts("shared", ("",), (const(None),), cell=stream.place.cell)
    fr.session.cells[stream.place.cell] = consumed


def left_early(fr: Frame, generator: Generated) -> None:
    """Note that only the run knows what a generator has still to give."""
    cell = generator.started.cell
    fr.session.cells[cell] = Parts("shared", ("",), (const(None),), cell=cell)


def whole(fr: Frame, value: FrontValue, node: gast.AST) -> Items | Parts:
    """The items by position, from the front."""
    items = iterable(fr, fr.session.current(value), node)
    return forward(fr, items, node) if isinstance(items, Items) else items


def place_of(fr: Frame, stream: Stream, node: gast.AST) -> Atom:
    """The position of the next item of an iterator."""
    (place,) = fr.session.cells[stream.place.cell].values
    if not isinstance(place, Value | Const) or place == const(None):
        fr.untyped(
            node,
            "this iterator may have been used before",
            "Make it a list, `list(...)`, if all of its items are meant each time.",
        )
    return place


def _rest(fr: Frame, stream: Stream, node: gast.AST) -> Items | Parts:
    """The remaining items of an iterator, for a loop over all of them."""
    place = place_of(fr, stream, node)
    known = static_int(place)
    if known == 0:
        return iterable(fr, taken(fr, stream, node), node)
    items = whole(fr, stream.source, node)
    _mark_consumed(fr, stream)
    if isinstance(items, Items):
        count = minus(fr, node, count_of(fr, items, node), place)
        if known is None and isinstance(count, Value):  # it may have been read when it had none
            count = fr.op(node, arithmetic.maximum, count, _ZERO, spelling="max")
        return Items(count, lambda k: items.element(plus(fr, node, k, place)), lists=items.lists)
    if known is None:
        fr.untyped(
            node,
            "which part is next is known only when the program runs",
            "Loop over the container.",
        )
    return sequence(items.values[known:])


def _item(fr: Frame, node: gast.AST, xs: Value, k: Atom) -> Value:
    item = fr.op(node, list_item, xs, k)
    fr.session.item_of[item] = xs
    return item


def plus(fr: Frame, node: gast.AST, a: Atom, b: Atom) -> Atom:
    """The sum of two whole numbers, computed where both are known."""
    if isinstance(a, Const) and isinstance(b, Const):
        return const(a.value + b.value)
    if static_int(b) == 0:
        return a
    return b if static_int(a) == 0 else fr.op(node, arithmetic.add, a, b)


def minus(fr: Frame, node: gast.AST, a: Atom, b: Atom) -> Atom:
    """Their difference."""
    if isinstance(a, Const) and isinstance(b, Const):
        return const(a.value - b.value)
    return a if static_int(b) == 0 else fr.op(node, arithmetic.subtract, a, b)


def range_items(fr: Frame, args: Sequence[Atom], node: gast.AST) -> Items:
    start, stop, step = {1: (_ZERO, args[0], _ONE), 2: (*args, _ONE), 3: tuple(args)}[len(args)]

    def element(k: Atom) -> FrontValue:
        factor = static_int(step)
        if factor == 1:
            return plus(fr, node, start, k)
        if isinstance(k, Const) and factor is not None:
            return plus(fr, node, start, const(k.value * factor))
        return plus(fr, node, start, fr.op(node, arithmetic.multiply, k, step))

    return Items(_range_count(start, stop, step), element, (start, stop, step))


def _range_count(start: Atom, stop: Atom, step: Atom) -> Atom | int:
    """The number of iterations of a range; -1 where it would have to be computed."""
    bounds = [static_int(a) for a in (start, stop, step)]
    if None not in bounds:
        return len(range(*(b for b in bounds if b is not None)))
    return stop if bounds[0] == 0 and bounds[2] == 1 else -1


def count_of(fr: Frame, items: Items, node: gast.AST) -> Atom:
    """The number of iterations as a value; may be less than 0 where there is none."""
    if isinstance(items.count, int) and items.count >= 0:
        return const(items.count)
    if isinstance(items.count, Value | Const):
        return items.count
    assert items.bounds is not None
    start, stop, step = items.bounds
    by = static_int(step)
    if by is None:  # rounded up, which is right for either sign
        iterations = fr.op(node, arithmetic.floor_divide, minus(fr, node, start, stop), step)
        return fr.op(node, arithmetic.negative, iterations)
    way = minus(fr, node, stop, start) if by > 0 else minus(fr, node, start, stop)
    if abs(by) == 1:
        return way
    way = plus(fr, node, way, const(abs(by) - 1))
    return fr.op(node, arithmetic.floor_divide, way, const(abs(by)))


def exact_count(fr: Frame, items: Items) -> int | None:
    """The number of iterations, where it is known when compiling (a length that is looked up is assumed from then
    on).
    """
    if isinstance(items.count, int):
        return items.count if items.count >= 0 else None
    number = static_int(items.count)
    type_ = items.count.type
    if number is not None or not isinstance(type_, Scalar) or type_.expr is None:
        return number
    shapes = fr.session.shapes
    try:
        number = shapes.resolve(type_.expr).evaluate(shapes.actual)
    except KeyError:
        return None
    shapes.assumptions.append((type_.expr, Dim(number)))
    return number


def few(fr: Frame, length: Dim) -> int | None:
    """A length that is small for the given arguments, and is assumed to be from then on."""
    shapes = fr.session.shapes
    try:
        number = shapes.resolve(length).evaluate(shapes.actual)
    except KeyError:
        return None
    if number > _FEW:
        return None
    if not shapes.resolve(length).is_const:
        shapes.assumptions.append((length, Dim(number)))
    return number


def unrolled(fr: Frame, items: Items, node: gast.AST) -> Parts | None:
    """All elements one by one, where their number is known."""
    count = exact_count(fr, items)
    if count is None:
        return None
    parts = [items.element(const(k)) for k in range(count)]
    return sequence(parts[::-1] if items.reverse else parts)


def forward(fr: Frame, items: Items, node: gast.AST) -> Items:
    """The same elements, counted upwards."""
    if not items.reverse:
        return items
    count = count_of(fr, items, node)
    last = minus(fr, node, count, _ONE)
    return replace(
        items,
        count=count,
        element=lambda k: items.element(minus(fr, node, last, k)),
        bounds=None,
        reverse=False,
    )
