"""Containers of known parts as Python objects: how one is put together, and how a part is taken."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import sys
from collections.abc import Sequence
from types import FunctionType
from typing import Any

import numpy as np

COMPILED_KINDS = (
    "tuple",
    "namedtuple",
)  # the containers of parts of several types that compiled code has

Pytree = Any  # a number, an array, or a tuple, list, dict, named tuple or dataclass of pytrees


def field_names(value: Any) -> tuple[str, ...]:
    """The fields of a named tuple or dataclass, or of its class."""
    return getattr(value, "_fields", None) or tuple(f.name for f in dataclasses.fields(value))


def is_generated(function: object) -> bool:
    """Whether it is no function of the user's: `dataclass` and `namedtuple` write methods of their own."""
    return not isinstance(function, FunctionType) or (
        function.__code__.co_filename.startswith(("<string>", "<frozen", "namedtuple_"))
        or function.__globals__.get("__name__") in ("collections", "typing", "dataclasses")
    )


def own_constructor(cls: type) -> str:
    """What makes objects of a named tuple or dataclass other than of their fields alone; empty where nothing does."""
    for name in ("__new__", "__init__", "__post_init__"):
        found = inspect.getattr_static(cls, name, None)
        if not is_generated(getattr(found, "__func__", found)):
            return f"`{name}`"
    fields = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
    return "" if all(f.init for f in fields) else "`field(init=False)`"


def build_struct(kind: str, keys: Sequence[Any], parts: Sequence[Any], cls: type | None) -> object:
    """The container itself."""
    if kind == "tuple":
        return tuple(parts)
    if kind == "list":
        return list(parts)
    pairs = dict(zip(keys, parts, strict=True))
    return pairs if cls is None or kind == "object" else cls(**pairs)


def take_part(container: Any, kind: str, key: Any) -> Any:
    return getattr(container, key) if kind in ("namedtuple", "dataclass") else container[key]


_LIBRARIES = {"numpy", "scipy", "numba", "srcdiff", *sys.stdlib_module_names} - {"__main__"}


def is_descriptor(value: object) -> bool:
    """Whether its class, one of the user's, defines getting or setting it as an attribute."""
    cls = type(value)
    methods = (getattr(cls, name, None) for name in ("__get__", "__set__"))
    return is_own_class(cls) and any(isinstance(method, FunctionType) for method in methods)


def is_own_class(cls: type) -> bool:
    """Whether a class is the user's, and not Python's or one of the libraries that srcdiff reads."""
    return cls.__module__.partition(".")[0] not in _LIBRARIES


_NO_OBJECTS = (type, tuple, list, dict, float, complex, enum.Enum, BaseException)


def is_object(value: object) -> bool:
    """Whether it is an object of a class of the user's, which has attributes."""
    return not isinstance(value, _NO_OBJECTS) and is_own_class(type(value))


def attributes(value: object) -> dict[str, object]:
    """The current attributes of an object, from `__dict__` and slots."""
    found = {
        name: getattr(value, name)
        for cls in type(value).__mro__
        for name in slots_of(cls)
        if hasattr(value, name)
    }
    return {**found, **getattr(value, "__dict__", {})}


def slots_of(cls: type) -> tuple[str, ...]:
    """The attributes that a class keeps in slots; private names as Python stores them."""
    names = vars(cls).get("__slots__", ())
    names = (names,) if isinstance(names, str) else tuple(names)
    own = cls.__name__.lstrip("_")
    return tuple(
        f"_{own}{n}" if own and n.startswith("__") and not n.endswith("__") else n
        for n in names
        if n not in ("__dict__", "__weakref__")
    )


# values that are equal where their texts are: 1 is neither True nor 1.0, and a list may be part of a key
_WRITTEN = (int, float, complex, str, bytes, tuple, list, dict, set, frozenset, range, slice)


def identity_of(value: object) -> object:
    """What tells a value that is known when compiling from others of its class."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    return repr(value) if isinstance(value, _WRITTEN) else value
