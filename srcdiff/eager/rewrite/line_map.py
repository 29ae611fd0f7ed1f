"""Source map of rewritten functions: a position in their text is mapped to a position in the user's file.

A rewritten tree keeps the positions of the nodes that it was made of. Its text, parsed again, is a tree of the same
form, so each node of the text has a position in the user's file. The map is built only when an error needs it.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

from srcdiff.ir.location import Location

Span = tuple[int, int, int, int]  # first line, last line, first column, last column


@dataclass(frozen=True)
class Origin:
    """A rewritten function, and the user's function that it was made of."""

    node: Any
    function: FunctionType


@dataclass(frozen=True)
class _Place:
    span: Span
    function: str  # the user's function around


_ORIGINS: dict[str, Origin] = {}
_PLACES: dict[str, dict[Span, _Place]] = {}


def note_origin(file: str, origin: Origin) -> None:
    """Note the user's function that the text of a file was made of."""
    _ORIGINS[file] = origin
    _PLACES.pop(file, None)


def is_origin(file: str) -> bool:
    """Whether the text of a file was made from a function of the user's."""
    return file in _ORIGINS


def with_place(made: object, node: ast.expr) -> object:
    """The replacement of a node, with the position of the node where it has no position of its own."""
    for part in made if isinstance(made, list) else [made]:
        if isinstance(part, ast.AST) and hasattr(node, "lineno") and not hasattr(part, "lineno"):
            ast.copy_location(part, node)
    return made


def place_of(code: CodeType, instruction: int, line: int | None) -> Location | None:
    """The position in the user's text of the code that a frame runs; None for lines without a line of the user's."""
    if code.co_filename not in _ORIGINS:
        return None
    start, end, column, end_column = list(code.co_positions())[instruction // 2]
    if start is None or end is None or column is None or end_column is None:
        start, end, column, end_column = line or 0, line or 0, 0, 0
    return _found(code.co_filename, (start, end, column, end_column))


def place_in(location: Location) -> Location | None:
    """The position in the user's text for a position in the text of a rewritten function; None where there is none."""
    if location.file not in _ORIGINS:
        return None
    line = location.line
    return _found(location.file, (line, line, location.column, location.end_column))


def _found(file: str, span: Span) -> Location | None:
    if file not in _PLACES:
        _PLACES[file] = dict(_places(file))
    places = _PLACES[file]
    place = places.get(span)
    if place is None:  # the smallest enclosing node, or a node that begins on its line
        around = [s for s in places if _begins(s) <= _begins(span) and _ends(span) <= _ends(s)]
        around = around or [s for s in places if s[0] == span[0]]
        if not around:
            return None
        place = places[min(around, key=lambda s: (s[1] - s[0], s[3] - s[2]))]
    return _location(_ORIGINS[file].function, place)


def _begins(span: Span) -> tuple[int, int]:
    return span[0], span[2]


def _ends(span: Span) -> tuple[int, int]:
    return span[1], span[3]


def _location(function: FunctionType, place: _Place) -> Location | None:
    file = function.__code__.co_filename
    start, end, column, end_column = place.span
    if file in _ORIGINS:  # it was rewritten itself
        return _found(file, place.span)
    text = linecache.getline(file, start).rstrip("\n")
    last = end_column if start == end else len(text.encode())
    return Location(file, start, column, last, place.function, text)


def _places(file: str) -> Iterator[tuple[Span, _Place]]:
    """For each node of a file's text, the position of its original in the user's text."""
    origin = _ORIGINS[file]
    text = "".join(linecache.getlines(file))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.name == origin.node.name:
            name = origin.function.__name__
            yield from _beside(node, origin.node, name, is_outermost=True)
            return


def _beside(
    node: ast.AST, made: ast.AST, name: str, is_outermost: bool = False
) -> Iterator[tuple[Span, _Place]]:
    if type(node) is not type(made):
        return
    span = _span(made)
    if span is not None and not is_outermost:
        own = _span(node)
        assert own is not None
        yield own, _Place(span, name)
    if not is_outermost:
        name = getattr(made, "users_name", name)
    for field in node._fields:
        yield from _beside_parts(getattr(node, field, None), getattr(made, field, None), name)


def _beside_parts(part: Any, made: Any, name: str) -> Iterator[tuple[Span, _Place]]:
    if isinstance(part, ast.AST):
        yield from _beside(part, made, name)
    elif isinstance(part, list) and isinstance(made, list) and len(part) == len(made):
        for one, other in zip(part, made, strict=True):
            yield from _beside_parts(one, other, name)


def _span(node: ast.AST) -> Span | None:
    start, column = getattr(node, "lineno", None), getattr(node, "col_offset", None)
    if start is None or column is None:
        return None
    end, end_column = getattr(node, "end_lineno", None), getattr(node, "end_col_offset", None)
    return start, end or start, column, end_column or column
