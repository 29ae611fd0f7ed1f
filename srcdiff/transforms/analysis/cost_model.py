"""Cost model: whether a value is stored, or computed again (`ops/core/costs.py` has the figures).

`machine_price` is the time of an operation, in units of storing its result and loading it again. Products and
factorisations are counted by their multiplications. An unknown length counts as sixteen.
`price_of_element` is the price of one element of an array, in simple operations.

The work of loops is the number of simple operations, as a sum over products of lengths; it decides on parallel loops.

    for 0, %n { for 0, %m { %s = multiply ...; add_into ... } }        2 n m

Loads and stores count as simple operations, too; arithmetic is counted as in `recompute_cost`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from srcdiff.ir.core import Call, For, Op, Region, While, regions_of
from srcdiff.ir.types import Clamp, Dim, Size, Type, element_type, shape_of
from srcdiff.ir.values import Value, known_dim, symbol_of
from srcdiff.ops.arrays import creation, memory
from srcdiff.ops.core.costs import (
    REDUCED_TIMES,
    SIMPLE,
    lengths_of_letters,
    lengths_of_product,
    steps_of_element,
    time_of_element,
)
from srcdiff.ops.elementwise import arithmetic
from srcdiff.ops.linalg import einsum
from srcdiff.transforms.analysis.defuse import ALLOCATIONS

ONE = Dim(1)
REPEATABLE = 2  # up to so many operations are done again for each element of a longer axis, rather than stored
STORING = 4  # storing an element and loading it again takes the time of so many operations
_LENGTH = 16.0
_FREE = {"read", "copy"}


def elements(type_: Type) -> float:
    """The number of elements of an array, with sixteen for each unknown length."""
    return math.prod(map(_length, shape_of(type_)))


def _length(d: Dim) -> float:
    return float(d.const) if d.is_const else _LENGTH


def machine_price(op: Op) -> float:
    """The time of computing an operation's result again."""
    if op.decl.cost == "free" or op.decl.view_of is not None or not op.results:
        return 0.0
    result = max(elements(op.results[0].type), 1.0)
    if op.decl.elementwise:
        return time_of_element(op)
    if op.decl.cost == "heavy":
        return SIMPLE * _multiplications(op) / result
    each = REDUCED_TIMES.get(op.decl.name, SIMPLE)
    return each * max((elements(a.type) for a in op.operands), default=1.0) / result


def _multiplications(op: Op) -> float:
    """The number of multiplications: for a product, the product of the lengths of its loops; otherwise a cube."""
    shapes = [shape_of(a.type) for a in op.operands if shape_of(a.type)]
    if op.decl is einsum.einsum:
        letters = lengths_of_letters(
            op, [[_length(d) for d in shape_of(a.type)] for a in op.operands]
        )
        return math.prod(letters.values())
    if op.decl.multilinear and shapes:
        return math.prod(map(_length, lengths_of_product(shapes[0], shape_of(op.results[0].type))))
    return max((elements(a.type) ** 1.5 for a in op.operands), default=1.0)


def is_running(op: Op, deferred: Mapping[Value, Op]) -> bool:
    """Whether the elements are powers whose exponents count along the last axis, and whose base is the same there.
    Strength reduction (`running_powers`) makes each of them by one product.
    """
    if op.decl is not arithmetic.power:
        return False
    base, exponent = op.operands
    maker = deferred.get(exponent) if isinstance(exponent, Value) else None
    while maker is not None and maker.decl.place is not None:
        (above, *_) = maker.operands
        same = [d for d in shape_of(above.type) if d != ONE] == [
            d for d in shape_of(exponent.type) if d != ONE
        ]
        maker = deferred.get(above) if same and isinstance(above, Value) else None
    if maker is None or maker.decl is not creation.arange or maker.operands[1:]:
        return False
    types = [element_type(a.type).dtype for a in (base, exponent)]
    return (
        types == ["float64", "int64"]
        and [*shape_of(exponent.type)][-1] != ONE
        and shape_of(base.type)[-1:] in ((), (ONE,))
    )


def price_of_element(op: Op) -> int:
    """The cost of an element, in simple operations; 0 for operations that only move elements."""
    if op.decl.place is not None or op.decl.name in _FREE or op.decl.name in ALLOCATIONS:
        return 0
    return steps_of_element(op)


_UNKNOWN = 16  # the assumed number of iterations if nothing is known
_CALL = 20
_MOVES = (memory.index, memory.store, memory.add_into, memory.add_at)


def work_of(loop: For) -> Size:
    return total([tuple((Dim(price), *lengths) for lengths, price in _of_loop(loop, (), {}))])


def total(works: Sequence[Size]) -> Size:
    found: dict[tuple[Dim, ...], int] = {}
    for price, *lengths in (product for work in works for product in work):
        key = tuple(sorted(lengths, key=str))
        found[key] = found.get(key, 0) + price.const
    return tuple((Dim(price), *lengths) for lengths, price in found.items())


def _of_loop(
    loop: For, around: tuple[Dim, ...], starts: Mapping[str, Dim]
) -> Iterator[tuple[tuple[Dim, ...], int]]:
    start, stop = (known_dim(a) for a in (loop.start, loop.stop))
    inner = dict(starts)
    if start is not None and (symbol := symbol_of(loop.index)) is not None:
        inner[symbol] = start.substitute(starts)
    count = Dim(_UNKNOWN)
    if start is not None and stop is not None:  # for a triangle, the longest row
        count = _plain(stop.substitute(starts) - start.substitute(starts))
    yield from _of_region(loop.body, (*around, count), inner)


def _plain(count: Dim) -> Dim:
    """The number of iterations if there are any: `n - 1` for `max(n - 1, 0)`, which a call evaluates faster."""
    plain = Dim(count.const)
    for symbol, k in count.terms:
        of_symbol = symbol.inner if isinstance(symbol, Clamp) else Dim.of(symbol)
        plain = plain + of_symbol.scaled(k)
    return plain


def _of_region(
    region: Region, around: tuple[Dim, ...], starts: Mapping[str, Dim]
) -> Iterator[tuple[tuple[Dim, ...], int]]:
    for s in region.body:
        match s:
            case For():
                yield from _of_loop(s, around, starts)
            case While():
                yield from _of_region(s.body, (*around, Dim(_UNKNOWN)), starts)
            case Call():
                yield around, _CALL
            case Op() if s.decl in _MOVES:
                yield around, 1
            case Op() if s.decl.elementwise:
                yield around, price_of_element(s)
            case _:
                for r in regions_of(s):
                    yield from _of_region(r, around, starts)
