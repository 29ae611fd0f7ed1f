"""Errors that a dynamic program meets while it runs, with the user's lines that were running."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import TracebackType
from typing import Any

from srcdiff.dynamic.lines import Origin, note_origin, place_in, place_of
from srcdiff.errors import DifferentiationError
from srcdiff.ir.location import Location

__all__ = ["told_where"]


def told_where(run: Callable[..., Any], origin: Origin | None) -> Callable[..., Any]:
    """`run`, whose errors say where in the user's functions they were raised, and which calls led there. `origin`: what
    its text was made of.
    """
    if origin is not None:
        note_origin(run.__code__.co_filename, origin)

    @functools.wraps(run)
    def running(*args: Any) -> Any:
        try:
            return run(*args)
        except DifferentiationError as error:
            places = _places(error.__traceback__)
            at = error.location and (place_in(error.location) or error.location)
            if at is None and not places:
                raise
            if at is None or (places and _is_beside(places[-1], at)):
                *places, last = places
                at = at or last
            told = type(error)(error.message, error.advice, at, places or error.chain)
            raise told.with_traceback(error.__traceback__) from None

    return running


def _is_beside(one: Location, other: Location) -> bool:
    return (one.file, one.line) == (other.file, other.line)


def _places(trace: TracebackType | None) -> list[Location]:
    """The lines of the user's that were running, outermost first."""
    found: list[Location] = []
    while trace is not None:
        code = trace.tb_frame.f_code
        place = place_of(code, trace.tb_lasti, trace.tb_lineno)
        if place is not None:
            is_part = code.co_name == "<lambda>" and place.function != "<lambda>"
            if is_part and found:  # of the line that the frame before is at
                found.pop()
            found.append(place)
        trace = trace.tb_next
    return found
