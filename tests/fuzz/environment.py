"""The names of a program and their values at the place where it is written: each statement runs as it is drawn.

What does not run, or makes numbers that are not finite or too large, is not taken. So every shape is known, and
every operation is given arguments in its domain, whatever stands before it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import scipy.integrate
import scipy.interpolate
import scipy.linalg
import scipy.optimize
import scipy.signal
import scipy.special
import scipy.stats

EARLY = "  # early"  # marks returns of the program itself, which do not end a run here
LARGEST = 60.0
MOST = 80  # elements of an array


class Environment:
    """Values by name, and functions."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.names: dict[str, Any] = {"np": np, "scipy": scipy, "__name__": "program", **values}

    def variables(self) -> Iterator[tuple[str, Any]]:
        for name, value in self.names.items():
            if not name.startswith("_") and not isinstance(value, FunctionType | ModuleType | type):
                yield name, value

    def save(self) -> dict[str, Any]:
        return copy.deepcopy(
            {
                k: v
                for k, v in self.names.items()
                if not isinstance(v, ModuleType) and k != "__builtins__"
            }
        )

    def restore(self, saved: dict[str, Any]) -> None:
        for name in [k for k in self.names if k not in saved]:
            if name not in ("np", "scipy", "__builtins__"):
                del self.names[name]
        self.names.update(saved)

    def attempt(self, lines: list[str]) -> bool:
        """Run statements; False, with nothing changed, where they raise or leave values that are no use."""
        saved = self.save()
        if self.run(lines) and all(is_moderate(v) for _, v in self.variables()):
            return True
        self.restore(saved)
        return False

    def run(self, lines: list[str]) -> bool:
        """Run statements; False where they raise."""
        kept = (_ending_nothing(line) if line.endswith(EARLY) else line for line in lines)
        text = "\n".join(kept).replace("nonlocal ", "global ")
        try:
            with np.errstate(all="ignore", divide="raise", invalid="raise"):
                exec(compile(text, "<drawn>", "exec"), self.names)
        except Exception:  # whatever NumPy and SciPy raise
            return False
        return True

    def value(self, text: str) -> Any:
        """The value of an expression; None where it has none."""
        try:
            with np.errstate(all="ignore", divide="raise", invalid="raise"):
                return eval(text, self.names)
        except Exception:
            return None


def _ending_nothing(line: str) -> str:
    return line[: len(line) - len(line.lstrip())] + "pass"


def is_moderate(value: Any) -> bool:
    """Whether numbers are finite and of an ordinary size, and there are not too many."""
    if isinstance(value, np.ndarray | np.generic | float | int | complex):
        array = np.asarray(value)
        if array.dtype.kind not in "fciub" or array.size > MOST:
            return False
        return bool(array.size == 0 or (np.abs(array.astype(complex)) < LARGEST).all())
    if isinstance(value, list | tuple):
        return len(value) <= 12 and all(map(is_moderate, value))
    if isinstance(value, dict):
        return all(map(is_moderate, value.values()))
    return (
        not hasattr(value, "__dict__")
        or isinstance(value, FunctionType)
        or is_moderate(vars(value))
    )


def is_float(value: Any) -> bool:
    """Whether a value is one float, or an array of floats."""
    return isinstance(value, float) or (
        isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "f"
    )


def float_places(text: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The floats, and arrays of floats, that a value is made of, each with how it is written."""
    if is_float(value):
        yield text, value
    elif isinstance(value, np.ndarray | np.generic | complex) and np.iscomplexobj(value):
        yield f"np.real({text})", np.real(value)
        yield f"np.imag({text})", np.imag(value)
    elif isinstance(value, tuple):
        for k, part in enumerate(value):
            yield from float_places(f"{text}[{k}]", part)
    elif isinstance(value, list) and value:
        yield from float_places(f"{text}[0]", value[0])
        yield from float_places(f"{text}[-1]", value[-1])
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from float_places(f"{text}[{key!r}]", part)
    elif hasattr(value, "__dict__") and not isinstance(value, FunctionType):
        for key, part in vars(value).items():
            yield from float_places(f"{text}.{key}", part)
