"""Error traces of dynamic programs: an error at run time names the user's lines that were running."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from types import CodeType, TracebackType

from srcdiff.eager.rewrite.line_map import Origin, is_origin, note_origin, place_in, place_of
from srcdiff.errors import DifferentiationError
from srcdiff.ir.location import Location

Step = tuple[CodeType, int, int | None]  # the position of a frame: code, instruction, line


def with_locations(run: Callable[..., object], origin: Origin | None) -> Callable[..., object]:
    """`run`, with errors that name the place in the user's functions where they were raised, and the calls that led
    there. `origin`: the user's function that its text was made of.
    """
    if origin is not None:
        note_origin(run.__code__.co_filename, origin)

    @functools.wraps(run)
    def running(*args: object) -> object:
        try:
            return run(*args)
        except DifferentiationError as error:
            located = _located(error, _places(_steps(error.__traceback__)))
            if located is error:
                raise
            raise located.with_traceback(error.__traceback__) from None

    return running


def running_steps() -> tuple[Step, ...]:
    """The positions of the user's frames that run now, outermost first."""
    found: list[Step] = []
    frame = sys._getframe(1)
    while frame is not None:
        if is_origin(frame.f_code.co_filename):
            found.append((frame.f_code, frame.f_lasti, frame.f_lineno))
        frame = frame.f_back  # type: ignore[assignment]
    return tuple(reversed(found))


def led_there(error: DifferentiationError, steps: Iterable[Step]) -> DifferentiationError:
    """An error of the backward sweep, with the calls that led to the operation whose adjoint is taken."""
    return _located(error, _places(steps))


def _located(error: DifferentiationError, places: list[Location]) -> DifferentiationError:
    at = error.location and (place_in(error.location) or error.location)
    if at is None and not places:
        return error
    if at is None or (places and _is_beside(places[-1], at)):
        *places, last = places
        at = at or last
    return type(error)(error.message, error.advice, at, places or error.chain)


def _is_beside(one: Location, other: Location) -> bool:
    return (one.file, one.line) == (other.file, other.line)


def _steps(trace: TracebackType | None) -> Iterable[Step]:
    while trace is not None:
        yield trace.tb_frame.f_code, trace.tb_lasti, trace.tb_lineno
        trace = trace.tb_next


def _places(steps: Iterable[Step]) -> list[Location]:
    """The lines of the user's that were running, outermost first."""
    found: list[Location] = []
    for code, instruction, line in steps:
        place = place_of(code, instruction, line)
        if place is not None:
            is_part = code.co_name == "<lambda>" and place.function != "<lambda>"
            if is_part and found:  # of the line that the frame before is at
                found.pop()
            found.append(place)
    return found
