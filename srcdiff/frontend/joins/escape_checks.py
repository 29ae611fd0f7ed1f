"""Escape checks: values that a loop or a branch cannot pass on, since they hold values of the IR and are none.

for i in range(n):            The method holds the `y` of an iteration. A name that is first bound to such a value
    y = x * i                 in a loop or branch has no meaning after it; a function that reads the name there has
    total = y.sum             no types.
return total()
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import (
    Closure,
    FrontValue,
    Generated,
    Items,
    Method,
    Parts,
    ShapeOf,
    Slice,
    Stream,
    Text,
    flatten,
    parts_of,
)  # fmt: skip
from srcdiff.ir.values import Value


def stays_inside(fr: Frame, before: Mapping[str, FrontValue], value: FrontValue) -> bool:
    """Whether a value holds what nothing stood for in front of the loop or branch."""
    held = set(_held(value))
    return bool(held) and not held <= set(_known(fr, before))


def _known(fr: Frame, before: Mapping[str, FrontValue]) -> Iterator[Value | None]:
    for value in before.values():
        yield from _all(fr.session.current(value))
    if fr.outer is not None:
        yield from _known(fr.outer, fr.outer.env)


def _held(value: FrontValue) -> Iterator[Value | None]:
    """The values that a loop or branch would have to pass on with it; None where they are not known."""
    match value:
        case Parts() | Closure():
            for part in parts_of(value):
                yield from _held(part)
        case Method():
            yield from _all(value.receiver)
        case Slice():
            for bound in (value.lower, value.upper, value.step):
                if bound is not None:
                    yield from _all(bound)
        case ShapeOf():
            yield from _all(value.array)
        case Text():
            for operand in value.operands:
                yield from _all(operand)
        case Items(bounds=(start, stop, step)):
            for bound in (start, stop, step):
                yield from _all(bound)
        case Stream() | Generated() | Items():
            yield None


def _all(value: FrontValue) -> Iterator[Value | None]:
    yield from (atom for atom in flatten(value) if isinstance(atom, Value))
    yield from _held(value)
