"""Errors and warnings: one class for each kind of mistake. Each has a place in the user's code and an advice.

Every layer may import this module; it imports nothing of ours but `ir.location`. A report reads

    misfit.py:14:9 in misfit: cannot differentiate with respect to an integer array
        y = x[i] % k
            ^^^^^^^^
    Pass x.astype(float) instead.

and `str(error)` is all of it. Where the place is inside a helper, the user's calls that led there follow.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from srcdiff.ir.location import Location

__all__ = [
    "CacheWarning",
    "CompileWarning",
    "DifferentiationError",
    "DynamicWarning",
    "INCOMPLETE",
    "INCOMPLETE_IN_FILES",
    "IndependentWarning",
    "RuleError",
    "SourceNotFoundError",
    "UnsupportedError",
    "UntypedError",
    "called_at",
]

_INDENT = "    "
# the ends of a message whose values compiled code cannot format; the second one, in saved files
INCOMPLETE = " (jit=False shows it whole)"
INCOMPLETE_IN_FILES = " (the form in NumPy shows it whole)"
# Numba's messages for lists, where Python's are others
OF_LISTS = ("getitem out of range", "setitem out of range")


class _Report(Exception):
    """A message with its place in the user's code: the base of errors and warnings."""

    def __init__(
        self,
        message: str,
        advice: str = "",
        location: Location | None = None,
        chain: Sequence[Location] = (),
    ) -> None:
        if location is not None and not chain:
            chain = location.chain
        # All four go into `args`, from which pickle and copy build the report again.
        super().__init__(message, advice, location, tuple(chain))
        self.message = message
        self.location = location
        self.advice = advice
        self.chain = tuple(chain)

    @property
    def file(self) -> str | None:
        return self.location.file if self.location else None

    @property
    def line(self) -> int | None:
        return self.location.line if self.location else None

    @property
    def column(self) -> int | None:
        return self.location.column if self.location else None

    @property
    def end_column(self) -> int | None:
        return self.location.end_column if self.location else None

    @property
    def source_line(self) -> str | None:
        return self.location.source_line if self.location else None

    def __str__(self) -> str:
        return _format(self.message, self.advice, self.location, self.chain)


class DifferentiationError(_Report):
    """A function cannot be differentiated as it stands.

    Parameters
    ----------
    message
        What is wrong, in one sentence without its full stop.
    advice
        What to do instead, as a sentence of its own.
    location
        Where in the user's code.
    chain
        The user's calls that led there, outermost first.

    Attributes
    ----------
    file, line, column, end_column, source_line
        From `location`, None without one. Lines count from 1; columns from 0 and in bytes, as in `ast`.
    """


@contextmanager
def called_at(location: Location | None) -> Iterator[None]:
    """Errors inside a function get the place of its call as well."""
    try:
        yield
    except DifferentiationError as error:
        if location is None:
            raise
        chain = (*location.chain, location, *error.chain)
        raise type(error)(error.message, error.advice, error.location, chain) from None


class UnsupportedError(DifferentiationError):
    """The code uses something that srcdiff does not differentiate."""


class UntypedError(UnsupportedError):
    """The code has values whose types are known only at run time; most derivatives run it in the interpreter."""


class ValidationError(AssertionError):
    """A pass of the compiler changed what a function computes; see `transforms/validation/validate.py`."""


class SourceNotFoundError(DifferentiationError):
    """A function's source text cannot be found, so there is nothing to transform."""


class RuleError(DifferentiationError):
    """A derivative rule is malformed, or does not fit its function."""


class DynamicWarning(_Report, UserWarning):
    """The derivative is slow: it runs in the interpreter, since some of its types are known only at run time."""


class IndependentWarning(_Report, UserWarning):
    """The result does not depend on an argument in `argnums`: the derivative with respect to it is zero."""


class CompileWarning(_Report, UserWarning):
    """A derivative cannot be compiled, so it runs as NumPy (once for each specialisation)."""


class CacheWarning(_Report, UserWarning):
    """The cache folder cannot be used, so generated code is not kept between processes."""


def _format(message: str, advice: str, location: Location | None, chain: Sequence[Location]) -> str:
    lines = [f"{_place(location)}: {message}" if location else message]
    if location:
        lines += _marked_line(location)
    if advice:
        lines.append(advice)
    for call in reversed(chain):
        lines.append(f"called at {_place(call)}")
        lines += _marked_line(call)
    return "\n".join(lines)


def _place(location: Location) -> str:
    column = (
        f":{len(_decoded_prefix(location.source_line, location.column)) + 1}"
        if location.source_line
        else ""
    )
    inside = f" in {location.function}" if location.function else ""
    return f"{location.file}:{location.line}{column}{inside}"


def _marked_line(location: Location) -> list[str]:
    """The line of code without its indentation, and carets under the span."""
    code = location.source_line.rstrip()
    text = code.lstrip()
    if not text:
        return []
    left_out = len(code) - len(text)
    before = _decoded_prefix(code, location.column)[left_out:]
    marked = _decoded_prefix(code, location.end_column)[left_out + len(before) :]
    spaces = "".join("\t" if character == "\t" else " " * _width(character) for character in before)
    carets = "^" * max(1, sum(map(_width, marked)))
    return [_INDENT + text, _INDENT + spaces + carets]


def _decoded_prefix(text: str, n_bytes: int) -> str:
    """The characters of `text` before a position that counts bytes, as the positions in `ast` do."""
    return text.encode()[:n_bytes].decode(errors="ignore")


def _width(character: str) -> int:
    """Columns that a character takes in a terminal."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
