"""Work of loops: the number of simple operations, as a sum over products of lengths, to decide on parallel loops.

    for 0, %n { for 0, %m { %s = multiply ...; add_into ... } }        2 n m

Loads and stores count as simple operations, too; arithmetic is counted as in `recompute_cost`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from srcdiff.ir.core import Call, For, Op, Region, While, regions_of
from srcdiff.ir.types import Clamp, Dim, Size
from srcdiff.ir.values import known_dim, symbol_of
from srcdiff.ops.arrays import memory
from srcdiff.transforms.analysis.cost_model import price_of_element

_UNKNOWN = 16  # the assumed number of iterations if nothing is known
_CALL = 20
_MOVES = (memory.index, memory.store, memory.add_into, memory.add_at)


def work_of(loop: For) -> Size:
    """The work of all iterations of a loop."""
    return total([tuple((Dim(price), *lengths) for lengths, price in _of_loop(loop, (), {}))])


def total(works: Sequence[Size]) -> Size:
    """The work of several loops."""
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
