"""Pickle references: a pickle holds a function by its name, and unpickling looks the name up."""

from __future__ import annotations

import functools
import importlib
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import FunctionType, MethodType
from typing import Any

from srcdiff.compile.program import Derived
from srcdiff.frontend.source.wrappers import calling, itself
from srcdiff.handles.specialisations import lost


@dataclass(frozen=True)
class _ByName:
    """A reference to a function by module and name."""

    module: str
    qualname: str

    def find(self) -> Any:
        try:
            found: Any = importlib.import_module(self.module)
            for part in self.qualname.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError):
            return None
        # the name is bound to the function itself, or to a `Differentiable` around it
        return (
            found
            if type(found).__module__ != "srcdiff.handles.differentiable"
            else found.__wrapped__
        )


@dataclass(frozen=True)
class _Made:
    """A reference to a function that is made of others: a partial, a bound method, a call of a library's function."""

    maker: Callable[..., Any]
    parts: tuple[Any, ...]
    named: Mapping[str, Any]

    def find(self) -> Any:
        found = [p.find() if isinstance(p, _ByName | _Made) else p for p in self.parts]
        return None if found[0] is None else self.maker(*found, **self.named)


def _bound(function: FunctionType, owner: object) -> MethodType:
    return MethodType(function, owner)  # whose own class does not pickle


def reference_to(function: Any) -> Any:
    """A reference to a function; None for a function that no name leads to."""
    made: Any
    if isinstance(function, functools.partial):
        parts = reference_to(function.func), *function.args
        made = _Made(functools.partial, parts, function.keywords)
    elif isinstance(function, MethodType):
        made = _Made(_bound, (reference_to(function.__func__), function.__self__), {})
    elif "srcdiff_calls" in getattr(function, "__globals__", ()):
        called, names, keywords = function.__globals__["srcdiff_calls"]
        made = _Made(calling, (reference_to(called), names, keywords), {})
    elif isinstance(function, FunctionType):
        found = _ByName(function.__module__ or "", function.__qualname__)
        is_found = found.module and "<" not in found.qualname and found.find() is function
        return found if is_found else None
    else:  # an object that can be called
        made = _Made(itself, (function,), {})
    try:
        pickle.dumps(made)
    except (pickle.PicklingError, AttributeError, TypeError):
        return None
    return made if made.parts[0] is not None else None


def reference(derived: Derived) -> Derived:
    """`derived` with a reference to its function; None for a function that no name leads to."""
    base = derived.base
    if base is None or isinstance(getattr(base, "derived", None), Derived):
        return derived
    return replace(derived, base=reference_to(base))


def found_again(derived: Derived) -> Derived:
    """`derived` with the function that its name leads to here."""
    is_reference = isinstance(derived.base, _ByName | _Made)
    return replace(derived, base=derived.base.find()) if is_reference else derived


def restored(cls: type, function: object, *rest: object) -> Any:
    """An object of a class from a reference to its function."""
    found = function.find() if isinstance(function, _ByName | _Made) else function
    return functools.partial(_call_lost, function) if found is None else cls(found, *rest)


def _call_lost(function: object, *args: object, **kwargs: object) -> Any:
    """A call of a derivative that needs its function, which no name leads to here."""
    raise lost(f"a derivative of {getattr(function, 'qualname', 'a function')}")


def is_lost(derived: Derived) -> bool:
    """Whether the function was not found again by unpickling."""
    inner = getattr(derived.base, "derived", None)
    return is_lost(inner) if isinstance(inner, Derived) else derived.base is None
