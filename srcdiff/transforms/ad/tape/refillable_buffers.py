"""Iteration buffers: an array that an iteration fills before it reads it is a value, stored whole or filled again.

    for t:                                      for t:
        %k = empty %n                               %k = empty %n
        for i: store[i] %k, ..., %i                 for i: store[i] %k, ..., %i
                                                    store[i] %ks, %k, %t           # stored whole
        for i: %0 = index[i] %k, %i                 for i: %0 = index[i] %k, %i

It applies to the loop form only: a person would not write the loop that fills a buffer a second time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from srcdiff.ir.alias import writes_of
from srcdiff.ir.build import with_parts
from srcdiff.ir.core import Call, For, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.types import Array
from srcdiff.ir.values import Value, known_trip_count
from srcdiff.ops.arrays import memory
from srcdiff.transforms.analysis.cost_model import elements, machine_price
from srcdiff.transforms.analysis.defuse import ALLOCATIONS, all_regions, takes_element, used_atoms
from srcdiff.transforms.analysis.dependence.access_regions import Outline
from srcdiff.transforms.analysis.dependence.load_stability import Built

Repeatable = Callable[[Op], bool]

ASSUMED_ITERATIONS = 16.0  # the assumed number of iterations of a loop of unknown length


def built_buffers(outline: Outline, is_repeatable: Repeatable) -> dict[Value, Built]:
    """The buffers of iterations that are filled before they are read."""
    found: dict[Value, Built] = {}
    for region in all_regions(outline.top):
        if region is outline.top or not outline.loops_around(region):
            continue
        for k, made in enumerate(region.body):
            if _is_buffer(made, region, outline):
                assert isinstance(made, Op)
                filling = _filling(made.result, region.body[k + 1 :], outline)
                if filling:
                    price = _price(made.result, filling, outline, is_repeatable)
                    found[made.result] = Built(made, filling, price)
    return found


def _is_buffer(made: Statement, region: Region, outline: Outline) -> bool:
    """Whether a statement allocates storage of which only elements are used."""
    if not isinstance(made, Op) or made.decl.name not in ALLOCATIONS or made.origin == "adjoint":
        return False
    buffer = made.result
    if not isinstance(buffer.type, Array) or outline.roots.get(buffer) != frozenset({buffer}):
        return False
    if any(buffer in r.yields for r in all_regions(region)):
        return False
    users = [s for s in walk(region) if buffer in s.operands]
    return all(isinstance(s, Op) and takes_element(s, buffer) for s in users)


def _filling(buffer: Value, after: Sequence[Statement], outline: Outline) -> tuple[Statement, ...]:
    """The statements that write the buffer, if all statements that only read it come after them."""
    users = [s for s in after if s.origin != "adjoint" and buffer in set(used_atoms(s))]
    writers = [s for s in users if buffer in writes_of(s, outline.roots)]
    return tuple(writers) if users[: len(writers)] == writers else ()


def _price(
    buffer: Value, filling: Sequence[Statement], outline: Outline, is_repeatable: Repeatable
) -> float:
    total = sum(_work(s, buffer, outline, is_repeatable) for s in filling)
    return total / max(elements(buffer.type), 1.0)


def _work(s: Statement, buffer: Value, outline: Outline, is_repeatable: Repeatable) -> float:
    """The cost of running a statement again; infinite if that is not possible."""
    match s:
        case Op() if buffer in s.operands or s.decl is memory.save:
            return 0.0
        case Op():
            return machine_price(s) if is_repeatable(s) else math.inf
        case Call() | While():
            return math.inf
        case For():
            return trip_count(s) * sum(
                _work(x, buffer, outline, is_repeatable) for x in s.body.body
            )
    return sum(_work(x, buffer, outline, is_repeatable) for r in regions_of(s) for x in r.body)


def without_saves(s: Statement) -> Statement:
    """A statement as it is run again: without `save`s."""
    inner = [
        Region(r.params, tuple(map(without_saves, filter(_is_kept, r.body))), r.yields)
        for r in regions_of(s)
    ]
    return with_parts(s, s.operands, inner) if inner else s


def _is_kept(s: Statement) -> bool:
    return not (isinstance(s, Op) and s.decl is memory.save)


def trip_count(loop: For) -> float:
    """The number of iterations of a loop: computed from constant bounds, assumed otherwise."""
    known = known_trip_count(loop.start, loop.stop, loop.step)
    return ASSUMED_ITERATIONS if known is None else float(known)
