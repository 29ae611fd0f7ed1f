"""`itertools` over values with types.

A function that passes items along is a generator in Python, which is read where a loop iterates over it:

    for v in chain(x, y):                      for v in x: ...
                                               for v in y: ...

A function whose items have positions is a number of iterations and the item of an iteration:

    for i, j in combinations(range(n), 2):     for i, j in zip(*np.triu_indices(n, 1)):

Few rows of known parts are written out; other uses have no types.
"""

# ruff: noqa: B905

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import gast
import numpy as np

from srcdiff.frontend.arrays.subscripts import read_item
from srcdiff.frontend.calls.inline import generated_by
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import (
    Args,
    FrontValue,
    Generated,
    Items,
    Known,
    Kwargs,
    Parts,
    is_none,
    is_static,
    sequence,
    static,
    static_int,
)
from srcdiff.frontend.iteration.iterables import count_of, forward, iterable, minus, peeked, plus
from srcdiff.frontend.iteration.iterators import iterator, or_generated, passes
from srcdiff.frontend.iteration.prelude import (
    all_pairs,
    all_rows,
    each_of,
    first_of,
    firsts_of,
    neighbours,
    running,
    running_from_first,
    running_of,
    spread,
    while_true,
)
from srcdiff.ir.types import Array, Scalar
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays.memory import axis_length, copy
from srcdiff.ops.elementwise import arithmetic

_MOST_ROWS = 24  # that are written out one by one


# ---- one after the other -------------------------------------------------------------------------------------------


def _chain(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    tuples = [a for a in args if isinstance(a, Parts) and a.kind == "tuple"]
    if len(tuples) == len(args):
        return sequence([v for a in tuples for v in a.values])
    return generated_by(fr, node, each_of, sequence(args), at_once=True)


def _of(function: object) -> Callable[..., FrontValue]:
    """A function of itertools that is one of the generators."""

    def read(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
        return generated_by(fr, node, function, *args)

    return read


def _islice(fr: Frame, node: gast.AST, args: Sequence[FrontValue], kwargs: Kwargs) -> FrontValue:
    """`islice(items, stop)`, of an iterator what comes next."""
    if len(args) != 2 or is_none(args[1]):
        fr.untyped(node, "islice() takes a stop only here", "Loop over a slice.")
    items = iterator(fr, node, args[:1], {})
    if isinstance(items, Generated):
        fr.untyped(node, "islice() of a generator, which is left early", "Loop over a list.")
    if static_int(args[1]) == 1:
        return generated_by(fr, node, first_of, items)
    return generated_by(fr, node, firsts_of, items, args[1])


def _accumulate(
    fr: Frame, node: gast.AST, args: Sequence[FrontValue], kwargs: Mapping[str, FrontValue]
) -> FrontValue:
    given = dict(zip(("iterable", "func"), args)) | dict(kwargs)
    items = given["iterable"]
    function = given.get("func", const(None))
    function = Known(operator.add) if is_none(function) else function
    initial = given.get("initial", const(None))
    if not is_none(initial):
        return generated_by(fr, node, running, items, function, initial, at_once=True)
    read = running_of if isinstance(items, Generated) else running_from_first
    return generated_by(fr, node, read, items, function, at_once=True)


def _product(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    times = kwargs.get("repeat", const(1))
    if not is_static(times):
        _untyped(fr, node)
    parts = [_as_it_is(fr, a, node) for a in args] * int(static(times))
    known = [p.values for p in parts if isinstance(p, Parts)]
    if len(known) == len(parts):
        return _written_out(fr, node, itertools.product(*known))
    if len(parts) == 2:
        return generated_by(fr, node, all_pairs, *parts, at_once=True)
    return generated_by(fr, node, all_rows, parts[0], sequence(parts[1:]), at_once=True)


def _as_it_is(fr: Frame, value: FrontValue, node: gast.AST) -> FrontValue:
    """Items to go through again and again, of which writes to what holds them change none."""
    if isinstance(value, Items) and value.bounds:
        return value
    if isinstance(value, Value) and isinstance(value.type, Array):
        if value.type.ndim > 1:  # whose rows are views
            return value
        b = fr.session.b
        outer, b.origin = b.origin, "compiler"  # it goes where nothing is written
        try:
            return fr.op(node, copy, value, spelling=".copy")
        finally:
            b.origin = outer
    part = iterable(fr, value, node)
    if isinstance(part, Parts):
        return sequence(list(part.values))
    return fr.call(node, Known(list), [value])


def _starmap(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    part = iterable(fr, args[1], node)
    if isinstance(part, Parts):
        rows = [_values(iterable(fr, v, node)) for v in part.values]
        return sequence([fr.call(node, args[0], row) for row in rows])
    items = forward(fr, part, node)

    def element(k: Atom) -> FrontValue:
        return fr.call(node, args[0], _values(iterable(fr, items.element(k), node)))

    if not isinstance(peeked(fr, items), Parts):
        return generated_by(fr, node, spread, *args)
    return Items(count_of(fr, items, node), element, lists=items.lists)


def _pairwise(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    if not passes(fr, node):
        return generated_by(fr, node, neighbours, args[0])
    part = iterable(fr, args[0], node)
    if isinstance(part, Parts):
        return sequence([sequence(list(pair)) for pair in itertools.pairwise(part.values)])
    items = forward(fr, part, node)
    one = const(1)
    return Items(
        minus(fr, node, count_of(fr, items, node), one),
        lambda k: sequence([items.element(k), items.element(plus(fr, node, k, one))]),
        lists=items.lists,
    )


def _repeat(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    times = args[1] if len(args) > 1 else kwargs.get("times")
    if not isinstance(times, Value | Const):
        _untyped(fr, node)
    return Items(times, lambda k: args[0])  # type: ignore[arg-type]


# ---- choices of several --------------------------------------------------------------------------------------------


def _chosen(function: Any, offset: int) -> Callable[..., FrontValue]:
    """Combinations of two are the places above the diagonal of a matrix, row by row."""

    def read(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
        number = args[1] if len(args) > 1 else kwargs.get("r", const(0))
        if len(args) > 2 or not is_static(number):
            _untyped(fr, node)
        taken = static(number)
        part = iterable(fr, args[0], node)
        if isinstance(part, Parts):
            return _written_out(fr, node, function(part.values, taken))
        if taken != 2:
            return _written_out(fr, node, function(_values_of_few(fr, node, part), taken))
        part = iterable(fr, _as_it_is(fr, args[0], node), node)
        assert isinstance(part, Items)
        items = forward(fr, part, node)
        count = _count(fr, items, node)
        places = fr.call(node, Known(np.triu_indices), [count, const(offset)])
        assert isinstance(places, Parts)
        row = places.values[0]
        assert isinstance(row, Value)
        return Items(
            fr.op(node, axis_length, row, axis=0),
            lambda k: sequence([items.element(read_item(fr, p, k, node)) for p in places.values]),  # type: ignore[arg-type]
            lists=items.lists,
        )

    return read


def _permutations(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    number = args[1] if len(args) > 1 else kwargs.get("r", const(None))
    if not is_static(number):
        _untyped(fr, node)
    part = iterable(fr, args[0], node)
    values = part.values if isinstance(part, Parts) else _values_of_few(fr, node, part)
    return _written_out(fr, node, itertools.permutations(values, static(number)))


# ---- parts of the above --------------------------------------------------------------------------------------------


def _values(parts: Items | Parts) -> tuple[FrontValue, ...]:
    assert isinstance(parts, Parts)
    return parts.values


def _written_out(fr: Frame, node: gast.AST, rows: Iterable[Any]) -> FrontValue:
    """All rows; what moves items only is Python's own function."""
    found = list(itertools.islice(rows, _MOST_ROWS + 1))
    if len(found) > _MOST_ROWS:
        _untyped(fr, node)
    return sequence([sequence(list(row)) for row in found])


def _values_of_few(fr: Frame, node: gast.AST, items: Items) -> list[FrontValue]:
    count = items.count
    if not isinstance(count, int) or not count >= 0 or math.factorial(count) > 10**6:
        _untyped(fr, node)
    return [forward(fr, items, node).element(const(k)) for k in range(int(count))]  # type: ignore[arg-type]


def _count(fr: Frame, items: Items, node: gast.AST) -> Atom:
    """How many there are, 0 for none."""
    count = count_of(fr, items, node)
    if isinstance(count, Const):
        return const(max(count.value, 0))
    expr = count.type.expr if isinstance(count.type, Scalar) else None
    if expr is not None and fr.session.shapes.is_at_least_zero(expr):
        return count
    return fr.op(node, arithmetic.maximum, count, const(0), spelling="max")


def _untyped(fr: Frame, node: gast.AST) -> None:
    fr.untyped(
        node,
        "there are too many items to write out, or their number is known only when the program runs",
        "Write it as loops over `range`.",
    )


ITERTOOLS: dict[object, Callable[..., FrontValue]] = {
    itertools.product: _product, itertools.permutations: _permutations, itertools.pairwise: _pairwise,
    itertools.combinations: _chosen(itertools.combinations, 1),
    itertools.combinations_with_replacement: _chosen(itertools.combinations_with_replacement, 0),
    itertools.accumulate: _accumulate, itertools.chain: _chain, itertools.chain.from_iterable: _of(each_of),
    itertools.islice: _islice, itertools.repeat: _repeat, itertools.takewhile: _of(while_true),
    itertools.starmap: or_generated(_starmap, spread, 1),
}  # fmt: skip
