"""Places of functions and their parameters in the user's files: for errors that belong to no node of a tree."""

from __future__ import annotations

import functools
import inspect
import re
from dataclasses import replace
from types import MethodType

from srcdiff.errors import DifferentiationError
from srcdiff.frontend.source.function_source import source_of
from srcdiff.frontend.source.wrappers import function_of, is_library
from srcdiff.ir.location import Location


def place_of(function: object) -> Location | None:
    """The first line of a function's definition, of what a partial or a method is one of; None where there is none."""
    while isinstance(function, functools.partial | MethodType):
        function = function.func if isinstance(function, functools.partial) else function.__func__
    plain = function_of(function)
    if not inspect.isfunction(plain):
        plain = vars(type(plain)).get("__call__")
    if not inspect.isfunction(plain) or is_library(plain):
        return None
    try:
        source = source_of(plain)
    except DifferentiationError:
        return None
    except RecursionError:
        code = plain.__code__
        return Location(code.co_filename, code.co_firstlineno, function=plain.__name__)
    return source.location(source.node)


def parameter_place(place: Location | None, parameter: str) -> Location | None:
    """Where a parameter stands in its function's first line; the line itself where it cannot be found."""
    if place is None:
        return None
    found = re.compile(rf"(?:[(,*\s]|lambda)\s*({re.escape(parameter)})\s*[,:=)]").search(
        place.source_line, _characters(place)
    )
    if found is None:
        return place
    start, end = (len(place.source_line[:n].encode()) for n in found.span(1))
    return replace(place, column=start, end_column=end)


def _characters(place: Location) -> int:
    return len(place.source_line.encode()[: place.column].decode(errors="ignore"))
