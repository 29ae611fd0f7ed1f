"""Static values as Python text: the value that a program was specialised on, and the test for another value."""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np

from srcdiff.ir.syntax.spelling import literal


def spelled_value(value: object) -> str:
    """A value as a reader knows it: `'call'`, `None`, `np.sin`, `square`."""
    if value is ...:
        return "..."
    return _dotted(value) or str(getattr(value, "__name__", None) or literal(value))


def differs(operand: str, value: object) -> str:
    """The test whether an operand differs from the value; braces of the value are doubled, as in templates."""
    if isinstance(value, bool):
        return f"not {operand}" if value else operand
    if value is None or value is ... or _dotted(value):
        return f"{operand} is not {spelled_value(value)}"
    if isinstance(value, float) and math.isnan(value):
        return f"{operand} == {operand}"
    if isinstance(value, int | float | str | bytes | range | list) or is_tuple(value):
        return f"{operand} != {escaped(literal(value))}"
    if isinstance(value, np.dtype):
        return f"{operand} != np.dtype({value.name!r})"
    if isinstance(value, np.generic):
        number = value.item()
        return differs(operand, number) if type(number) is float else f"{operand} != {number!r}"
    name = getattr(value, "__name__", None)
    if isinstance(name, str):  # functions of the user's: a file cannot compare more of them
        return f"getattr({operand}, '__name__', None) != {escaped(repr(name))}"
    return f"type({operand}).__name__ != {type(value).__name__!r}"


def is_tuple(value: object) -> bool:
    """Whether a value is a tuple of plain values, which is compared as a whole."""
    return type(value) is tuple and all(isinstance(v, int | float | str | None) for v in value)


def _dotted(value: object) -> str:
    """The name of a function or class of NumPy, `math` or Python; empty for others."""
    name = getattr(value, "__name__", None)
    if not isinstance(name, str) or isinstance(value, ModuleType):
        return ""
    if getattr(np, name, None) is value:
        return f"np.{name}"
    if getattr(math, name, None) is value:
        return f"math.{name}"
    return name if value in (float, int, bool, complex, len, abs, max, min, sum, round) else ""


def escaped(text: str) -> str:
    """A text with braces doubled for `str.format`."""
    return text.replace("{", "{{").replace("}", "}}")
