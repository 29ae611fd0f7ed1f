"""Errors that a dynamic program meets while it runs, with the line of the program that was running."""

from __future__ import annotations

import functools
import linecache
from collections.abc import Callable
from types import TracebackType
from typing import Any

from srcdiff.dynamic.met import PREFIX
from srcdiff.errors import DifferentiationError
from srcdiff.ir.location import Location

__all__ = ["told_where"]


def told_where(run: Callable[..., Any]) -> Callable[..., Any]:
    """`run`, whose errors of ours say where they were raised: in its text, or in a function that it has met."""

    @functools.wraps(run)
    def running(*args: Any) -> Any:
        try:
            return run(*args)
        except DifferentiationError as error:
            if error.location is not None:
                raise
            lines = _lines(error.__traceback__, run.__code__.co_filename)
            *chain, place = lines or (None,)
            told = type(error)(error.message, error.advice, place, chain)
            raise told.with_traceback(error.__traceback__) from None

    return running


def _lines(trace: TracebackType | None, file: str) -> list[Location]:
    """The lines of the program that were running, outermost first; without the one that users call."""
    found: list[Location] = []
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename == file or code.co_filename.startswith(PREFIX):
            text = linecache.getline(code.co_filename, trace.tb_lineno).rstrip("\n")
            start = len(text) - len(text.lstrip())
            name = code.co_name.removesuffix("_dynamic")
            found.append(
                Location(code.co_filename, trace.tb_lineno, start, len(text.encode()), name, text)
            )
        trace = trace.tb_next
    return found[1:]
