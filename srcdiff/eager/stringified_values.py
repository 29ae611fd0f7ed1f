"""Stringified values: a number that a program formats as text and parses again has no derivative, and is refused.

    rate = float(str(x))        raises where x is differentiated
    f"{x:.2f}"                  is allowed: most text is never parsed

A number is recognised by its value, since any function may cut, join or search the text in between. A number that was
rounded to a few digits is piecewise constant, and may be parsed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from srcdiff.compile.arguments.pytree import is_float_leaf
from srcdiff.eager.structures import leaves_of
from srcdiff.errors import UnsupportedError

if TYPE_CHECKING:
    from srcdiff.eager.tape import Tape

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_CLOSE = 1e-6  # NumPy writes arrays with eight digits, and single precision with seven


def note_written(tape: Tape, value: object) -> None:
    """Remember the differentiated numbers of a value that becomes text."""
    for leaf in leaves_of(value):
        if is_float_leaf(leaf) and tape.tracked.has(leaf):
            tape.written.update(map(float, np.ravel(leaf)))


def writing(function: Any) -> Any:
    """`function` (`str`, `repr`, `format`, `print`) for a dynamic program."""

    def write(tape: Tape, *args: Any, **kwargs: Any) -> Any:
        note_written(tape, [args, kwargs])
        return function(*args, **kwargs)

    return write


def refuse_read(tape: Tape, function: object, args: object) -> None:
    """Refuse a function that gets the text of a number, and may parse it."""
    if not tape.written:
        return
    for text in leaves_of(args):
        text = text.decode("latin-1") if isinstance(text, bytes) else text
        found = _NUMBER.finditer(text) if isinstance(text, str) else ()
        if any(_is_written(tape, match.group()) for match in found):
            name = getattr(function, "__qualname__", repr(function))
            raise UnsupportedError(
                f"`{name}` is given the text of a number that is differentiated, and what it reads has no derivative",
                "Pass the number itself; if it is meant as a constant, np.round it first.",
            )


def _is_written(tape: Tape, text: str) -> bool:
    number = float(text)
    return any(abs(number - v) <= _CLOSE * abs(v) for v in tape.written)
