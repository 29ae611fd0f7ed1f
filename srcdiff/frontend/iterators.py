"""Iterators: asked item by item (`iter`, `next`), and gone through once.

An iterator is what it goes through, and a counter in a cell. What `zip`, `map` and the like give is gone through by
position, as often as it is read; so where it has a name that may be read again, the function is left to the run:

    z = zip(a, b)
    s = sum(u * v for u, v in z)
    t = sum(u for u, v in z)        is 0
"""

from __future__ import annotations

import builtins
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import gast

from srcdiff.frontend.frame import HOOKS, Frame
from srcdiff.frontend.functions import generated_by
from srcdiff.frontend.iteration import BUILTINS, place_of, whole
from srcdiff.frontend.values import (
    FrontValue,
    Generated,
    Items,
    Known,
    Parts,
    Stream,
    static_int,
)
from srcdiff.ir.core import const
from srcdiff.ops import arithmetic

__all__ = [
    "ITERATORS",
    "check_gone_through_once",
    "counted_on",
    "item_at",
    "iterator",
    "or_generated",
    "size",
]


# ---- what is read: no annotations, and names as generated code may show them --------------------------------------


def applied(function, items):  # type: ignore[no-untyped-def]
    for item in items:
        yield function(item)


def counted(items, start=0):  # type: ignore[no-untyped-def]
    k = start
    for item in items:
        yield k, item
        k += 1


def next_of(items):  # type: ignore[no-untyped-def]
    k = counted_on(items)
    if k >= size(items):
        raise StopIteration
    return item_at(items, k)


def next_or(items, default):  # type: ignore[no-untyped-def]
    k = counted_on(items)
    return item_at(items, k) if k < size(items) else default


def size(items: Any) -> Any:
    """How many there are altogether."""


def counted_on(items: Any) -> Any:
    """The position of what comes next, which is behind it from then on; more than there are, at the end.

    So it counts on whether there is one or not, and passes see a counter.
    """


def item_at(items: Any, k: Any) -> Any:
    """The one in a position that has one."""


# ---- item by item ----------------------------------------------------------------------------------------------------


def iterator(fr: Frame, node: Any, args: Sequence[FrontValue], kwargs: Any) -> FrontValue:
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


def next_item(fr: Frame, node: Any, args: Sequence[FrontValue]) -> FrontValue:
    """`next(items)`, `next(items, default)`."""
    function = next_of if len(args) == 1 else next_or
    return HOOKS["call"](fr, node, Known(function), list(args), {})  # type: ignore[no-any-return]


HOOKS["next"] = next_item


def _size(fr: Frame, node: Any, args: Sequence[FrontValue], kwargs: Any) -> FrontValue:
    (stream,) = args
    assert isinstance(stream, Stream)
    return HOOKS["call"](fr, node, Known(len), [whole(fr, stream.source, node)], {})  # type: ignore[no-any-return]


def _counted_on(fr: Frame, node: Any, args: Sequence[FrontValue], kwargs: Any) -> FrontValue:
    (stream,) = args
    assert isinstance(stream, Stream)
    place = place_of(fr, stream, node)
    known = static_int(place)
    further = fr.op(node, arithmetic.add, place, const(1)) if known is None else const(known + 1)
    cell = stream.place.cell
    fr.session.cells[cell] = Parts("shared", ("",), (further,), cell=cell)
    return place


def _item_at(fr: Frame, node: Any, args: Sequence[FrontValue], kwargs: Any) -> FrontValue:
    stream, place = args
    assert isinstance(stream, Stream)
    items, known = whole(fr, stream.source, node), static_int(place)
    if isinstance(items, Items):
        return items.element(fr.as_atom(place, node))
    if known is None:
        fr.untyped(node, "only the run knows which part is next", "Loop over the container.")
    return items.values[known]


def or_generated(function: Any, of_generators: Any, place: int) -> Callable[..., FrontValue]:
    """What goes by positions, but for generators."""

    def read(
        fr: Frame, node: Any, args: Sequence[FrontValue], kwargs: Mapping[str, FrontValue]
    ) -> FrontValue:
        if place < len(args) and isinstance(args[place], Generated):
            return generated_by(fr, node, of_generators, *args, *kwargs.values())
        return function(fr, node, args, kwargs)  # type: ignore[no-any-return]

    return read


# ---- gone through once -----------------------------------------------------------------------------------------------


_BUILTINS = ("zip", "map", "filter", "enumerate", "reversed", "iter")
_MAKERS = {name: getattr(builtins, name) for name in _BUILTINS} | {
    name: value for name, value in vars(itertools).items() if isinstance(value, type)
}
_COMPREHENSIONS = gast.ListComp | gast.SetComp | gast.DictComp | gast.GeneratorExp


def check_gone_through_once(fr: Frame, name: str, value: Any, found: FrontValue) -> None:
    """Leave a function to the run in which an iterator that gets this name may be asked for items twice.

    Generators and what `iter` gives know how far they were gone through, and are not meant.
    """
    if isinstance(found, Generated | Stream) or not _is_iterator(fr, value):
        return
    made = next((inside for node, inside in _walk(fr.source.node) if node is value), ())
    reads = [
        inside
        for node, inside in _walk(fr.source.node)
        if isinstance(node, gast.Name) and node.id == name and isinstance(node.ctx, gast.Load)
    ]
    if len(reads) > 1 or any(set(inside) - set(made) for inside in reads):
        fr.untyped(
            value,
            f"`{name}` is an iterator, and may be gone through more than once",
            "Make it a list, `list(...)`, if all of its items are meant each time.",
        )


def _is_iterator(fr: Frame, value: Any) -> bool:
    if isinstance(value, gast.GeneratorExp):
        return True
    if not isinstance(value, gast.Call):
        return False
    function = value.func
    name = function.id if isinstance(function, gast.Name) else getattr(function, "attr", "")
    if name not in _MAKERS:
        return False
    found = fr.expr(function)
    return isinstance(found, Known) and found.value is _MAKERS[name]


def _walk(node: Any, inside: tuple[int, ...] = ()) -> Iterator[tuple[Any, tuple[int, ...]]]:
    """Each node of a tree, with what may run it more often than what stands around it."""
    yield node, inside
    once: list[Any] = []
    if isinstance(node, gast.For):
        once = [node.iter]
    elif isinstance(node, _COMPREHENSIONS):
        once = [node.generators[0].iter]
    repeats = isinstance(
        node, gast.For | gast.While | gast.FunctionDef | gast.Lambda | _COMPREHENSIONS
    )
    for child in gast.iter_child_nodes(node):
        if isinstance(child, gast.comprehension):  # its first iterable is computed in front
            for part in gast.iter_child_nodes(child):
                yield from _walk(part, inside if part in once else (*inside, id(node)))
            continue
        yield from _walk(child, (*inside, id(node)) if repeats and child not in once else inside)


ITERATORS: dict[Any, Callable[..., FrontValue]] = {
    iter: iterator, size: _size, counted_on: _counted_on, item_at: _item_at,
    map: or_generated(BUILTINS[map], applied, 1), enumerate: or_generated(BUILTINS[enumerate], counted, 0),
}  # fmt: skip
