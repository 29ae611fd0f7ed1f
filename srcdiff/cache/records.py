"""Serialisation: generated programs as JSON, and back.

A reference of a program to an object outside (arrays, classes, watched values) is written as the place in the walk of
`fingerprint.py`; in another process, the same walk reaches the same place. No other Python object is written or read: a
record holds data, and constructs only the types listed here.
"""

from __future__ import annotations

import builtins
import importlib
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from typing import Any, TypeVar

from srcdiff.cache.fingerprint import Fingerprint, Unknown, fingerprint
from srcdiff.compile.derivations.kinds import DERIVATIONS
from srcdiff.frontend.source.external_dependencies import (
    SCALARS,
    Watched,
    found_now,
    look_up,
    watched,
)
from srcdiff.frontend.source.wrappers import itself
from srcdiff.ir.core import Node
from srcdiff.ir.location import Location
from srcdiff.ir.types import Array, Clamp, Dim, List, Product, Quotient, Scalar, Static, Struct

_DATA: dict[str, Any] = {
    t.__name__: t
    for t in (Array, Clamp, Dim, List, Location, Node, Product, Quotient, Scalar, Static, Struct)
} | {t.__name__: t for t in DERIVATIONS.values()}
_LEFT_OUT = ("stages", "seconds", "stored")  # fields of a program that describe its generation
_Program = TypeVar("_Program")


def to_record(program: Any, seen: Fingerprint) -> dict[str, object]:
    """The fields of a program.

    Raises
    ------
    Unknown
        If the program holds an object that the walk has not visited.
    """
    names = [f.name for f in fields(program) if f.name not in _LEFT_OUT]
    found = {n: _encoded(getattr(program, n), seen) for n in names}
    json.dumps(found)
    return found


def from_record(cls: type[_Program], record: Mapping[str, object], seen: Fingerprint) -> _Program:
    """The program, with the objects in the same places of this process.

    Raises
    ------
    Changed
        If a watched value has changed.
    """
    return cls(**{name: _decoded(value, seen) for name, value in record.items()})


def _encoded(value: Any, seen: Fingerprint) -> object:
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return ["float", value.hex() if math.isfinite(value) else repr(value)]
    if type(value) in (tuple, list, frozenset):
        parts = sorted(value) if isinstance(value, frozenset) else value
        return [type(value).__name__, *(_encoded(v, seen) for v in parts)]
    if type(value) is dict:
        return ["dict", *([_encoded(k, seen), _encoded(v, seen)] for k, v in value.items())]
    if isinstance(value, Watched):
        return ["Watched", *_way(value.get, seen), _expected(value.get(), seen)]
    if _DATA.get(type(value).__name__) is type(value):
        given = (getattr(value, f.name) for f in fields(value))
        return [type(value).__name__, *(_encoded(v, seen) for v in given)]
    name = getattr(value, "__name__", "")
    if isinstance(value, type) and getattr(builtins, name, None) is value:
        return ["builtins", name]
    module = str(getattr(value, "__module__", ""))
    if module.startswith("srcdiff.runtime.") and vars(sys.modules[module]).get(name) is value:
        return ["runtime", module, name]
    return ["at", _place(value, seen)]


def _place(value: object, seen: Fingerprint) -> int:
    found = seen.place_of(value)
    if found is None:
        raise Unknown(
            f"{type(value).__qualname__} {getattr(value, '__name__', '')!r}, reached in a way of its own"
        )
    return found


def _decoded(value: object, seen: Fingerprint) -> object:
    if not isinstance(value, list):
        return value
    kind, *parts = value
    match kind:
        case "float":
            return float.fromhex(parts[0]) if parts[0][-1].isdigit() else float(parts[0])
        case "tuple" | "list" | "frozenset":
            made = [_decoded(v, seen) for v in parts]
            return made if kind == "list" else getattr(builtins, kind)(made)
        case "dict":
            return {_decoded(k, seen): _decoded(v, seen) for k, v in parts}
        case "Watched":
            owner, manner, name, expected = parts
            return _watched(owner, manner, name, expected, seen)
        case "builtins":
            return getattr(builtins, parts[0])
        case "runtime":
            return getattr(importlib.import_module(parts[0]), parts[1])
        case "at":
            return seen.places[parts[0]][1]
    return _DATA[kind](*(_decoded(v, seen) for v in parts))


# ---- watched values ------------------------------------------------------------------------------


class Changed(Exception):
    """A value that a program watches has changed."""


def _way(get: object, seen: Fingerprint) -> tuple[int, str, str]:
    """The way to an object outside: the place of its owner, the kind of access, and the name.

    Equal numbers may be in many places, so the value does not determine the place.
    """
    if not isinstance(get, partial):
        raise Unknown("something that is looked at in a way of its own")
    if get.func is found_now:
        find, name = get.args
        return _place(find.args[0], seen), "name", name
    if get.func is getattr:
        owner, name = get.args
        return _place(owner, seen), "attribute", name
    return _place(get.args[0], seen), "itself", ""


def _expected(value: object, seen: Fingerprint) -> str | int:
    """The expected value: numbers, texts and containers by their digest, other objects by their place."""
    if isinstance(value, (*SCALARS, tuple, list, dict)):
        return fingerprint("", [value]).digest
    return _place(value, seen)


def _watched(owner: int, manner: str, name: str, expected: object, seen: Fingerprint) -> Watched:
    of = seen.places[owner][1]
    get = {
        "name": partial(found_now, partial(look_up, of), name),
        "attribute": partial(getattr, of, name),
        "itself": partial(itself, of),
    }[manner]
    try:
        value = get()
        is_same = _expected(value, seen) == expected
    except (AttributeError, Unknown):
        is_same = False
    if not is_same:
        raise Changed
    return watched(get, value)
