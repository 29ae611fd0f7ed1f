"""Attribute resolution: names of properties, and of methods named like a container's, may run the user's code."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType, ModuleType

from srcdiff.ir.structs import is_descriptor, is_own_class

CUSTOM = {"__getattr__", "__getattribute__", "__setattr__", "__delattr__"}


@dataclass(frozen=True)
class Routes:
    """Names of properties and of methods of the user's classes, and the names that modules bind."""

    properties: frozenset[str]
    methods: frozenset[str]
    bound: frozenset[str]
    custom: bool  # some class has its own attribute access


def routes_of(function: FunctionType) -> Routes:
    """The attributes of the classes that a function can see: in its module, in modules of the user's that it uses, and
    in captured values.
    """
    classes = set(_classes(function.__globals__))
    for cell in function.__closure__ or ():
        try:
            classes.add(type(cell.cell_contents))
        except ValueError:
            continue
    properties: set[str] = set()
    methods: set[str] = set()
    for cls in classes:
        for base in cls.__mro__ if is_own_class(cls) else ():
            if not is_own_class(base):
                continue
            for name, value in vars(base).items():
                is_property = isinstance(value, property | functools.cached_property)
                if is_property or is_descriptor(value):
                    properties.add(name)
                elif isinstance(value, FunctionType):
                    methods.add(name)
    custom = bool(methods & CUSTOM)
    return Routes(
        frozenset(properties), frozenset(methods), frozenset(function.__globals__), custom
    )


def _classes(namespace: Mapping[str, object], deep: bool = True) -> Iterator[type]:
    for value in list(namespace.values()):
        if isinstance(value, type):
            yield value
        elif isinstance(value, ModuleType) and deep and _is_own(value.__name__):
            yield from _classes(vars(value), False)
        elif isinstance(value, FunctionType) and deep and value.__globals__ is not namespace:
            if _is_own(str(value.__globals__.get("__name__"))):
                yield from _classes(value.__globals__, False)
        else:
            yield type(value)


def _is_own(module: str) -> bool:
    package = module.partition(".")[0]
    return package not in {"numpy", "scipy", "numba", "srcdiff", *sys.stdlib_module_names}
