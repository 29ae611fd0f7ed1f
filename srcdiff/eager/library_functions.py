"""Properties of library functions: which only move values, only hold them, or iterate over them."""

from __future__ import annotations

import collections
import operator
from collections.abc import Iterator
from types import FunctionType, ModuleType

from srcdiff.eager.rewrite.traceable_regions import is_known

_MOVING = (
    "itertools", "collections", "contextlib", "functools", "types", "typing", "enum", "warnings", "time", "logging",
    "heapq", "bisect",
)  # fmt: skip
_BUILTINS = (
    isinstance, issubclass, print, repr, str, type, id, hash, callable, hasattr, delattr, any, all, dict, range, slice,
    bool, int, bytes, format, ord, chr, object, property, staticmethod, classmethod, super, open, input, vars, dir, bin,
)  # fmt: skip
_COMPARING = (
    operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge, operator.not_, operator.truth,
    operator.is_, operator.is_not, operator.contains, operator.index, operator.length_hint, operator.countOf,
)  # fmt: skip
_ITERATING = (
    "extend", "extendleft", "union", "intersection", "difference", "deque", "Counter", "OrderedDict", "fromkeys",
    "merge", "nlargest", "nsmallest",
)  # fmt: skip


def is_ours(function: object) -> bool:
    home = str(getattr(function, "__module__", "")).partition(".")[0]
    return home == "srcdiff" and isinstance(function, FunctionType)


def is_moving(function: object) -> bool:
    """Whether a function only moves values: methods of containers, and functions that make iterators."""
    if any(function is f for f in (*_BUILTINS, *_COMPARING)):  # `==` may be the user's
        return True
    owner = getattr(function, "__objclass__", None)
    if owner is not None:  # a method of a class: `object.__setattr__`
        return owner in (object, list, dict, tuple, set, frozenset, str)
    receiver = getattr(function, "__self__", None)
    if isinstance(receiver, type) and issubclass(receiver, dict):
        return True
    if receiver is not None and not isinstance(receiver, type | ModuleType):
        module = type(receiver).__module__.lstrip("_")
        is_container = isinstance(receiver, list | dict | set | frozenset | tuple | str | Iterator)
        return is_container or module.partition(".")[0] in _MOVING
    if isinstance(function, type) and issubclass(function, BaseException):
        return True
    module = getattr(function, "__module__", None) or type(function).__module__
    return str(module).lstrip("_").partition(".")[0] in _MOVING


def only_holds(function: object) -> bool:
    """Whether a function inspects or keeps its arguments, and calls none of them: `vars(f)`, `queue.append(f)`."""
    if getattr(function, "__name__", "") in ("sort", "property", "staticmethod", "classmethod"):
        return False
    is_of_container = isinstance(
        getattr(function, "__self__", None),
        list | dict | set | frozenset | tuple | collections.deque,
    )
    return is_of_container or any(function is f for f in (*_BUILTINS, *_COMPARING))


def iterates_argument(function: object) -> bool:
    module = getattr(function, "__module__", "")
    return module == "itertools" or getattr(function, "__name__", "") in _ITERATING


def is_differentiated(function: object) -> bool:
    """Whether srcdiff has a derivative of a library's function, or the user has declared one."""
    if isinstance(function, type):
        return False
    return is_known(function) or type(function).__name__ == "Generated"
