"""Iterators (`iter`, `next`): they pass through their items once.

An iterator is its source and a counter in a cell. The value of `zip`, `map` and similar functions is read by position,
as often as it is used. If no loop reads it where it is made, it becomes an iterator too, whatever name, parameter or
container holds it; where an iterator may be used twice, the function has no types:

    z = zip(a, b)
    s = sum(u * v for u, v in z)
    t = sum(u for u, v in z)        is 0
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

import gast

from srcdiff.frontend.calls.inline import generated_by
from srcdiff.frontend.calls.lambda_lifting import found_around
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import (
    Closure,
    FrontValue,
    Generated,
    Items,
    Known,
    Kwargs,
    Parts,
    Stream,
    static_int,
)
from srcdiff.frontend.iteration.generators import may_be_listed
from srcdiff.frontend.iteration.iterable_builtins import BUILTINS
from srcdiff.frontend.iteration.iterables import place_of, whole
from srcdiff.frontend.iteration.prelude import (
    applied,
    counted,
    counted_on,
    item_at,
    next_of,
    next_or,
    size,
)
from srcdiff.frontend.source.flow_analysis import mutated_names
from srcdiff.frontend.source.scopes import free_names
from srcdiff.ir.values import const
from srcdiff.ops.elementwise import arithmetic

# ---- item by item ----------------------------------------------------------------------------------------------------


def iterator(fr: Frame, node: gast.AST, args: Sequence[FrontValue], kwargs: Kwargs) -> FrontValue:
    """`iter(items)`."""
    if len(args) > 1:
        fr.untyped(node, "iter() of a function and a value to stop at", "Write a `while` loop.")
    if isinstance(args[0], Stream | Generated):
        return args[0]
    whole(fr, args[0], node)
    fr.session.functions["%or dynamic"] = True
    place = fr.session.new_cell(Parts("shared", ("",), (const(0),)))
    fr.session.cell_names[place.cell] = "k"
    return Stream(args[0], place)


def next_item(fr: Frame, node: gast.AST, args: Sequence[FrontValue]) -> FrontValue:
    """`next(items)`, `next(items, default)`."""
    function = next_of if len(args) == 1 else next_or
    return fr.call_prelude(node, function, *args)


def _size(fr: Frame, node: gast.AST, args: Sequence[FrontValue], kwargs: Kwargs) -> FrontValue:
    (stream,) = args
    assert isinstance(stream, Stream)
    return fr.call(node, Known(len), [whole(fr, stream.source, node)])


def _counted_on(
    fr: Frame, node: gast.AST, args: Sequence[FrontValue], kwargs: Kwargs
) -> FrontValue:
    (stream,) = args
    assert isinstance(stream, Stream)
    place = place_of(fr, stream, node)
    known = static_int(place)
    further = fr.op(node, arithmetic.add, place, const(1)) if known is None else const(known + 1)
    cell = stream.place.cell
    fr.session.cells[cell] = Parts("shared", ("",), (further,), cell=cell)
    return place


def _item_at(fr: Frame, node: gast.AST, args: Sequence[FrontValue], kwargs: Kwargs) -> FrontValue:
    stream, place = args
    assert isinstance(stream, Stream)
    items, known = whole(fr, stream.source, node), static_int(place)
    if isinstance(items, Items):
        return items.element(fr.as_atom(place, node))
    if known is None:
        fr.untyped(
            node,
            "which part is next is known only when the program runs",
            "Loop over the container.",
        )
    return items.values[known]


def or_generated(
    function: Callable[..., FrontValue], of_generators: Callable[..., object], place: int
) -> Callable[..., FrontValue]:
    """The reader of a function by positions, and its generator where an argument is a generator."""

    def read(
        fr: Frame, node: gast.AST, args: Sequence[FrontValue], kwargs: Mapping[str, FrontValue]
    ) -> FrontValue:
        if place < len(args) and isinstance(args[place], Generated):
            return generated_by(fr, node, of_generators, *args, *kwargs.values())
        return function(fr, node, args, kwargs)

    return read


def changes_around(fr: Frame, function: Closure, seen: tuple[object, ...] = ()) -> bool:
    """Whether a call may change names of enclosing functions: then each item is computed once, in order."""
    node = function.node
    if node in seen:
        return False
    free = set(free_names(node))
    is_binding = any(isinstance(part, gast.Nonlocal) for part in gast.walk(node))
    used = (found_around(fr, function.frame, name) for name in free)
    return (
        is_binding
        or not free.isdisjoint(mutated_names(node))
        or any(isinstance(v, Closure) and changes_around(fr, v, (*seen, node)) for v in used)
    )


def reads_in_order(fr: Frame, generator: Generated) -> bool:
    """Whether computing an item of a generator may change names of enclosing functions."""
    frame = generator.frame
    given = [v for v in frame.env.values() if isinstance(v, Closure)]
    own = [Closure(frame.source.node, frame.outer)] if frame.outer is not None else []
    return any(changes_around(fr, function) for function in (*own, *given))


def _mapped(
    fr: Frame, node: gast.AST, args: Sequence[FrontValue], kwargs: Mapping[str, FrontValue]
) -> FrontValue:
    """`map(f, items)`: a generator where `f` may read something that changes before the items are computed."""
    is_late = len(args) == 2 and isinstance(args[0], Closure) and isinstance(args[1], Parts)
    is_counting = len(args) == 2 and isinstance(args[0], Closure) and changes_around(fr, args[0])
    if is_counting or (is_late and not passes(fr, node)):
        return generated_by(fr, node, applied, *args)
    return or_generated(BUILTINS[map], applied, 1)(fr, node, args, kwargs)


# ---- iterators that pass once ----


# functions that return iterators; a `range` may be iterated over again
_MAKERS = frozenset({zip, map, filter, enumerate, reversed}) | frozenset(
    value for value in vars(itertools).values() if isinstance(value, type)
)
# functions that keep or inspect an iterator, or take only as many items as they need
_KEEPING = frozenset({
    iter, next, size, counted_on, item_at, itertools.islice, len, isinstance, type, callable, hasattr, getattr,
})  # fmt: skip


def single_pass(fr: Frame, node: gast.AST, value: FrontValue) -> FrontValue:
    """The value of a node that makes an iterator; the items themselves where they are used at once."""
    passing = getattr(node, "in_passing", False) or getattr(node, "at_once", False)
    if passing or isinstance(value, Generated | Stream):
        return value
    return iterator(fr, node, [value], {})


def passes(fr: Frame, node: gast.AST, items: gast.AST | None = None) -> bool:
    """Whether what an iterator gives may be computed where it is made: `items` is what it goes through."""
    loop = getattr(node, "loop", None)
    late = (gast.GeneratorExp, gast.Call)
    if loop is not None and (items is None or isinstance(items, late)):
        return may_be_listed(fr, loop, node if items is None else items)
    return getattr(node, "in_passing", False) or getattr(node, "at_once", False)


def makes_iterator(function: object) -> bool:
    return function in _MAKERS or function == itertools.chain.from_iterable


def iterates_argument(function: object) -> bool:
    """Whether a function that is known here goes through its arguments, and keeps none of them."""
    return function not in _KEEPING


ITERATORS: dict[object, Callable[..., FrontValue]] = {
    iter: iterator, size: _size, counted_on: _counted_on, item_at: _item_at,
    map: _mapped, enumerate: or_generated(BUILTINS[enumerate], counted, 0),
}  # fmt: skip
