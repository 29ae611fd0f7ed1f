"""Values that a function found outside itself and that went into its program: if one changes, the program is
another.
"""

from __future__ import annotations

import builtins
import dataclasses
from collections.abc import Callable
from functools import partial
from types import BuiltinMethodType, FunctionType, MethodType
from typing import Any

import numpy as np

from srcdiff.ir.structs import field_names

SCALARS = (bool, int, float, complex, str, bytes, type(None), np.generic, type(Ellipsis))
_FIXED = (bool, int, float, complex, str, bytes, np.generic, FunctionType)


@dataclasses.dataclass(frozen=True)
class Watched:
    """Something outside the function that its text depends on: how to get it, and what it was."""

    get: Callable[[], Any]
    seen: Any
    same: Any = None  # the object itself, where nothing in it can change

    def holds(self) -> bool:
        try:
            found = self.get()
        except AttributeError:
            return False
        if found is self.same and found is not None:
            return True
        return bool(snapshot(found) == self.seen)

    def quick(self) -> Callable[[], bool]:
        """`holds` in a tenth of a microsecond, without a search where a name still means the very same thing."""
        get, same, holds = self.get, self.same, self.holds
        if same is None or not isinstance(get, partial) or get.func is not found_now:
            return holds
        find, name = get.args
        if not isinstance(find, partial) or find.func is not look_up:
            return holds
        (function,) = find.args
        namespace, closure = function.__globals__, function.__closure__
        free = function.__code__.co_freevars
        if name in free:
            cell = closure[free.index(name)]

            def is_captured() -> bool:
                try:
                    return cell.cell_contents is same or holds()
                except ValueError:  # not assigned any more
                    return False

            return is_captured
        return (lambda: namespace.get(name) is same or holds()) if name in namespace else holds


def watched(get: Callable[[], object], value: object) -> Watched:
    """A thing to look at again, which is now `value`."""
    seen = snapshot(value)
    is_itself = isinstance(value, _FIXED) or isinstance(seen, _Same)
    return Watched(get, seen, value if is_itself else None)


class _Same:
    """Compares by identity, and keeps the object, so that the identity stays its own."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value


def snapshot(value: object) -> object:
    """What the generated text depends on: numbers by value, arrays and functions by identity (an array's contents
    are read at run time), containers by their parts.
    """
    if isinstance(value, np.ndarray) and value.ndim:
        return _Same(value), value.shape, value.dtype
    if isinstance(value, (np.ndarray, *SCALARS)):
        return type(value), repr(value)
    if isinstance(value, dict):
        return dict, tuple(value), tuple(map(snapshot, value.values()))
    if isinstance(value, tuple | list):
        return type(value), tuple(map(snapshot, value))
    if is_record(value):
        return type(value), tuple(snapshot(getattr(value, k)) for k in field_names(value))
    if isinstance(value, MethodType):
        return _Same(value.__func__), snapshot(value.__self__)
    if isinstance(value, BuiltinMethodType):
        return value.__name__, _Same(value.__self__)
    return _Same(value)


def is_record(value: object) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def found_now(find: Callable[[str], tuple[str, object] | None], name: str) -> object:
    """The object of a free name, by a function's `look_up`."""
    found = find(name)
    return None if found is None else found[1]


def look_up(function: FunctionType, name: str) -> tuple[str, Any] | None:
    """The object of a free name of a function now: ("captured" | "globals" | "builtins", value)."""
    code = function.__code__
    if name in code.co_freevars and function.__closure__ is not None:
        cell = function.__closure__[code.co_freevars.index(name)]
        try:
            return "captured", cell.cell_contents
        except ValueError:  # not assigned yet
            return None
    if name in function.__globals__:
        return "globals", function.__globals__[name]
    if hasattr(builtins, name):
        return "builtins", getattr(builtins, name)
    return None
